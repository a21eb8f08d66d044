// Original file: proto/hydra/v1/session.proto

import type { Registered as _hydra_v1_Registered, Registered__Output as _hydra_v1_Registered__Output } from '../../hydra/v1/Registered.ts';
import type { HeartbeatAck as _hydra_v1_HeartbeatAck, HeartbeatAck__Output as _hydra_v1_HeartbeatAck__Output } from '../../hydra/v1/HeartbeatAck.ts';
import type { Dispatch as _hydra_v1_Dispatch, Dispatch__Output as _hydra_v1_Dispatch__Output } from '../../hydra/v1/Dispatch.ts';
import type { Acknowledge as _hydra_v1_Acknowledge, Acknowledge__Output as _hydra_v1_Acknowledge__Output } from '../../hydra/v1/Acknowledge.ts';
import type { Stop as _hydra_v1_Stop, Stop__Output as _hydra_v1_Stop__Output } from '../../hydra/v1/Stop.ts';
import type { Drain as _hydra_v1_Drain, Drain__Output as _hydra_v1_Drain__Output } from '../../hydra/v1/Drain.ts';
import type { OutputAck as _hydra_v1_OutputAck, OutputAck__Output as _hydra_v1_OutputAck__Output } from '../../hydra/v1/OutputAck.ts';
import type { Cancel as _hydra_v1_Cancel, Cancel__Output as _hydra_v1_Cancel__Output } from '../../hydra/v1/Cancel.ts';
import type { Rebalance as _hydra_v1_Rebalance, Rebalance__Output as _hydra_v1_Rebalance__Output } from '../../hydra/v1/Rebalance.ts';

/**
 * What a coordinator says.
 */
export interface CoordinatorMessage {
  'registered'?: (_hydra_v1_Registered | null);
  'heartbeat_ack'?: (_hydra_v1_HeartbeatAck | null);
  'dispatch'?: (_hydra_v1_Dispatch | null);
  'acknowledge'?: (_hydra_v1_Acknowledge | null);
  'stop'?: (_hydra_v1_Stop | null);
  'drain'?: (_hydra_v1_Drain | null);
  'output_ack'?: (_hydra_v1_OutputAck | null);
  'cancel'?: (_hydra_v1_Cancel | null);
  'rebalance'?: (_hydra_v1_Rebalance | null);
  'payload'?: "registered"|"heartbeat_ack"|"dispatch"|"acknowledge"|"stop"|"drain"|"output_ack"|"cancel"|"rebalance";
}

/**
 * What a coordinator says.
 */
export interface CoordinatorMessage__Output {
  'registered'?: (_hydra_v1_Registered__Output | null);
  'heartbeat_ack'?: (_hydra_v1_HeartbeatAck__Output | null);
  'dispatch'?: (_hydra_v1_Dispatch__Output | null);
  'acknowledge'?: (_hydra_v1_Acknowledge__Output | null);
  'stop'?: (_hydra_v1_Stop__Output | null);
  'drain'?: (_hydra_v1_Drain__Output | null);
  'output_ack'?: (_hydra_v1_OutputAck__Output | null);
  'cancel'?: (_hydra_v1_Cancel__Output | null);
  'rebalance'?: (_hydra_v1_Rebalance__Output | null);
  'payload'?: "registered"|"heartbeat_ack"|"dispatch"|"acknowledge"|"stop"|"drain"|"output_ack"|"cancel"|"rebalance";
}
