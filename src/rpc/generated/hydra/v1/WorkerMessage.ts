// Original file: proto/hydra/v1/session.proto

import type { Register as _hydra_v1_Register, Register__Output as _hydra_v1_Register__Output } from '../../hydra/v1/Register.ts';
import type { Heartbeat as _hydra_v1_Heartbeat, Heartbeat__Output as _hydra_v1_Heartbeat__Output } from '../../hydra/v1/Heartbeat.ts';
import type { Report as _hydra_v1_Report, Report__Output as _hydra_v1_Report__Output } from '../../hydra/v1/Report.ts';
import type { Draining as _hydra_v1_Draining, Draining__Output as _hydra_v1_Draining__Output } from '../../hydra/v1/Draining.ts';
import type { Goodbye as _hydra_v1_Goodbye, Goodbye__Output as _hydra_v1_Goodbye__Output } from '../../hydra/v1/Goodbye.ts';
import type { OutputFrame as _hydra_v1_OutputFrame, OutputFrame__Output as _hydra_v1_OutputFrame__Output } from '../../hydra/v1/OutputFrame.ts';

/**
 * What a worker says.
 */
export interface WorkerMessage {
  'register'?: (_hydra_v1_Register | null);
  'heartbeat'?: (_hydra_v1_Heartbeat | null);
  'report'?: (_hydra_v1_Report | null);
  'draining'?: (_hydra_v1_Draining | null);
  'goodbye'?: (_hydra_v1_Goodbye | null);
  'output'?: (_hydra_v1_OutputFrame | null);
  'payload'?: "register"|"heartbeat"|"report"|"draining"|"goodbye"|"output";
}

/**
 * What a worker says.
 */
export interface WorkerMessage__Output {
  'register'?: (_hydra_v1_Register__Output | null);
  'heartbeat'?: (_hydra_v1_Heartbeat__Output | null);
  'report'?: (_hydra_v1_Report__Output | null);
  'draining'?: (_hydra_v1_Draining__Output | null);
  'goodbye'?: (_hydra_v1_Goodbye__Output | null);
  'output'?: (_hydra_v1_OutputFrame__Output | null);
  'payload'?: "register"|"heartbeat"|"report"|"draining"|"goodbye"|"output";
}
