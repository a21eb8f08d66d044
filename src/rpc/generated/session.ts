import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Acknowledge as _hydra_v1_Acknowledge, Acknowledge__Output as _hydra_v1_Acknowledge__Output } from './hydra/v1/Acknowledge.ts';
import type { Attempt as _hydra_v1_Attempt, Attempt__Output as _hydra_v1_Attempt__Output } from './hydra/v1/Attempt.ts';
import type { AttemptInHand as _hydra_v1_AttemptInHand, AttemptInHand__Output as _hydra_v1_AttemptInHand__Output } from './hydra/v1/AttemptInHand.ts';
import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from './hydra/v1/AttemptRef.ts';
import type { Cancel as _hydra_v1_Cancel, Cancel__Output as _hydra_v1_Cancel__Output } from './hydra/v1/Cancel.ts';
import type { ChunkRef as _hydra_v1_ChunkRef, ChunkRef__Output as _hydra_v1_ChunkRef__Output } from './hydra/v1/ChunkRef.ts';
import type { CoordinatorClient as _hydra_v1_CoordinatorClient, CoordinatorDefinition as _hydra_v1_CoordinatorDefinition } from './hydra/v1/Coordinator.ts';
import type { CoordinatorMessage as _hydra_v1_CoordinatorMessage, CoordinatorMessage__Output as _hydra_v1_CoordinatorMessage__Output } from './hydra/v1/CoordinatorMessage.ts';
import type { Dispatch as _hydra_v1_Dispatch, Dispatch__Output as _hydra_v1_Dispatch__Output } from './hydra/v1/Dispatch.ts';
import type { Drain as _hydra_v1_Drain, Drain__Output as _hydra_v1_Drain__Output } from './hydra/v1/Drain.ts';
import type { Draining as _hydra_v1_Draining, Draining__Output as _hydra_v1_Draining__Output } from './hydra/v1/Draining.ts';
import type { Finished as _hydra_v1_Finished, Finished__Output as _hydra_v1_Finished__Output } from './hydra/v1/Finished.ts';
import type { Goodbye as _hydra_v1_Goodbye, Goodbye__Output as _hydra_v1_Goodbye__Output } from './hydra/v1/Goodbye.ts';
import type { Heartbeat as _hydra_v1_Heartbeat, Heartbeat__Output as _hydra_v1_Heartbeat__Output } from './hydra/v1/Heartbeat.ts';
import type { HeartbeatAck as _hydra_v1_HeartbeatAck, HeartbeatAck__Output as _hydra_v1_HeartbeatAck__Output } from './hydra/v1/HeartbeatAck.ts';
import type { Limits as _hydra_v1_Limits, Limits__Output as _hydra_v1_Limits__Output } from './hydra/v1/Limits.ts';
import type { OutputAck as _hydra_v1_OutputAck, OutputAck__Output as _hydra_v1_OutputAck__Output } from './hydra/v1/OutputAck.ts';
import type { OutputChunk as _hydra_v1_OutputChunk, OutputChunk__Output as _hydra_v1_OutputChunk__Output } from './hydra/v1/OutputChunk.ts';
import type { OutputFrame as _hydra_v1_OutputFrame, OutputFrame__Output as _hydra_v1_OutputFrame__Output } from './hydra/v1/OutputFrame.ts';
import type { Rebalance as _hydra_v1_Rebalance, Rebalance__Output as _hydra_v1_Rebalance__Output } from './hydra/v1/Rebalance.ts';
import type { Register as _hydra_v1_Register, Register__Output as _hydra_v1_Register__Output } from './hydra/v1/Register.ts';
import type { Registered as _hydra_v1_Registered, Registered__Output as _hydra_v1_Registered__Output } from './hydra/v1/Registered.ts';
import type { Report as _hydra_v1_Report, Report__Output as _hydra_v1_Report__Output } from './hydra/v1/Report.ts';
import type { RunOptions as _hydra_v1_RunOptions, RunOptions__Output as _hydra_v1_RunOptions__Output } from './hydra/v1/RunOptions.ts';
import type { StandingReply as _hydra_v1_StandingReply, StandingReply__Output as _hydra_v1_StandingReply__Output } from './hydra/v1/StandingReply.ts';
import type { StandingRequest as _hydra_v1_StandingRequest, StandingRequest__Output as _hydra_v1_StandingRequest__Output } from './hydra/v1/StandingRequest.ts';
import type { Started as _hydra_v1_Started, Started__Output as _hydra_v1_Started__Output } from './hydra/v1/Started.ts';
import type { StdinPiece as _hydra_v1_StdinPiece, StdinPiece__Output as _hydra_v1_StdinPiece__Output } from './hydra/v1/StdinPiece.ts';
import type { StdinRequest as _hydra_v1_StdinRequest, StdinRequest__Output as _hydra_v1_StdinRequest__Output } from './hydra/v1/StdinRequest.ts';
import type { Stop as _hydra_v1_Stop, Stop__Output as _hydra_v1_Stop__Output } from './hydra/v1/Stop.ts';
import type { WorkerMessage as _hydra_v1_WorkerMessage, WorkerMessage__Output as _hydra_v1_WorkerMessage__Output } from './hydra/v1/WorkerMessage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hydra: {
    v1: {
      Acknowledge: MessageTypeDefinition<_hydra_v1_Acknowledge, _hydra_v1_Acknowledge__Output>
      Attempt: MessageTypeDefinition<_hydra_v1_Attempt, _hydra_v1_Attempt__Output>
      AttemptInHand: MessageTypeDefinition<_hydra_v1_AttemptInHand, _hydra_v1_AttemptInHand__Output>
      AttemptRef: MessageTypeDefinition<_hydra_v1_AttemptRef, _hydra_v1_AttemptRef__Output>
      Cancel: MessageTypeDefinition<_hydra_v1_Cancel, _hydra_v1_Cancel__Output>
      ChunkRef: MessageTypeDefinition<_hydra_v1_ChunkRef, _hydra_v1_ChunkRef__Output>
      /**
       * The wire between workers and coordinators.
       * 
       * A worker opens one Session stream and keeps it open for as long as it lives. The first message it
       * sends is Register, the first it receives is Registered (or the stream ends with a status that says
       * why not). Changes to this file are additive: a field number is never reused.
       * 
       * Clocks are never compared across machines. Instants of the past travel as ages ("this happened
       * 1,200 microseconds before I sent this"), which the coordinator subtracts from PostgreSQL's clock.
       */
      Coordinator: SubtypeConstructor<typeof grpc.Client, _hydra_v1_CoordinatorClient> & { service: _hydra_v1_CoordinatorDefinition }
      CoordinatorMessage: MessageTypeDefinition<_hydra_v1_CoordinatorMessage, _hydra_v1_CoordinatorMessage__Output>
      Dispatch: MessageTypeDefinition<_hydra_v1_Dispatch, _hydra_v1_Dispatch__Output>
      Drain: MessageTypeDefinition<_hydra_v1_Drain, _hydra_v1_Drain__Output>
      Draining: MessageTypeDefinition<_hydra_v1_Draining, _hydra_v1_Draining__Output>
      Finished: MessageTypeDefinition<_hydra_v1_Finished, _hydra_v1_Finished__Output>
      Goodbye: MessageTypeDefinition<_hydra_v1_Goodbye, _hydra_v1_Goodbye__Output>
      Heartbeat: MessageTypeDefinition<_hydra_v1_Heartbeat, _hydra_v1_Heartbeat__Output>
      HeartbeatAck: MessageTypeDefinition<_hydra_v1_HeartbeatAck, _hydra_v1_HeartbeatAck__Output>
      Limits: MessageTypeDefinition<_hydra_v1_Limits, _hydra_v1_Limits__Output>
      OutputAck: MessageTypeDefinition<_hydra_v1_OutputAck, _hydra_v1_OutputAck__Output>
      OutputChunk: MessageTypeDefinition<_hydra_v1_OutputChunk, _hydra_v1_OutputChunk__Output>
      OutputFrame: MessageTypeDefinition<_hydra_v1_OutputFrame, _hydra_v1_OutputFrame__Output>
      Reason: EnumTypeDefinition
      Rebalance: MessageTypeDefinition<_hydra_v1_Rebalance, _hydra_v1_Rebalance__Output>
      Register: MessageTypeDefinition<_hydra_v1_Register, _hydra_v1_Register__Output>
      Registered: MessageTypeDefinition<_hydra_v1_Registered, _hydra_v1_Registered__Output>
      Report: MessageTypeDefinition<_hydra_v1_Report, _hydra_v1_Report__Output>
      RunOptions: MessageTypeDefinition<_hydra_v1_RunOptions, _hydra_v1_RunOptions__Output>
      StandingReply: MessageTypeDefinition<_hydra_v1_StandingReply, _hydra_v1_StandingReply__Output>
      StandingRequest: MessageTypeDefinition<_hydra_v1_StandingRequest, _hydra_v1_StandingRequest__Output>
      Started: MessageTypeDefinition<_hydra_v1_Started, _hydra_v1_Started__Output>
      StdinPiece: MessageTypeDefinition<_hydra_v1_StdinPiece, _hydra_v1_StdinPiece__Output>
      StdinRequest: MessageTypeDefinition<_hydra_v1_StdinRequest, _hydra_v1_StdinRequest__Output>
      Stop: MessageTypeDefinition<_hydra_v1_Stop, _hydra_v1_Stop__Output>
      WorkerMessage: MessageTypeDefinition<_hydra_v1_WorkerMessage, _hydra_v1_WorkerMessage__Output>
    }
  }
}

