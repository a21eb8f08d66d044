// Original file: proto/hydra/v1/session.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CoordinatorMessage as _hydra_v1_CoordinatorMessage, CoordinatorMessage__Output as _hydra_v1_CoordinatorMessage__Output } from '../../hydra/v1/CoordinatorMessage.ts';
import type { StandingReply as _hydra_v1_StandingReply, StandingReply__Output as _hydra_v1_StandingReply__Output } from '../../hydra/v1/StandingReply.ts';
import type { StandingRequest as _hydra_v1_StandingRequest, StandingRequest__Output as _hydra_v1_StandingRequest__Output } from '../../hydra/v1/StandingRequest.ts';
import type { StdinPiece as _hydra_v1_StdinPiece, StdinPiece__Output as _hydra_v1_StdinPiece__Output } from '../../hydra/v1/StdinPiece.ts';
import type { StdinRequest as _hydra_v1_StdinRequest, StdinRequest__Output as _hydra_v1_StdinRequest__Output } from '../../hydra/v1/StdinRequest.ts';
import type { WorkerMessage as _hydra_v1_WorkerMessage, WorkerMessage__Output as _hydra_v1_WorkerMessage__Output } from '../../hydra/v1/WorkerMessage.ts';

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
export interface CoordinatorClient extends grpc.Client {
  /**
   * Statuses that end a session:
   * INVALID_ARGUMENT     the first message was not a valid Register; the text names the field
   * ALREADY_EXISTS       another live process holds this worker_id
   * ABORTED              a newer session of this worker exists, or the lease of this one ended; register again
   * FAILED_PRECONDITION  a message came that the state of the session does not allow
   * INTERNAL             the registration failed for a reason that is in the coordinator's log
   * RESOURCE_EXHAUSTED   the worker sent more than its windows allow, which only a defect brings about
   * UNAVAILABLE          the coordinator stops or cannot reach PostgreSQL; try another one. The trailing metadata
   * `hydra-holds-off-ms` says what StandingReply.holds_off_ms says
   */
  Session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_hydra_v1_WorkerMessage, _hydra_v1_CoordinatorMessage__Output>;
  Session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_hydra_v1_WorkerMessage, _hydra_v1_CoordinatorMessage__Output>;
  /**
   * Statuses that end a session:
   * INVALID_ARGUMENT     the first message was not a valid Register; the text names the field
   * ALREADY_EXISTS       another live process holds this worker_id
   * ABORTED              a newer session of this worker exists, or the lease of this one ended; register again
   * FAILED_PRECONDITION  a message came that the state of the session does not allow
   * INTERNAL             the registration failed for a reason that is in the coordinator's log
   * RESOURCE_EXHAUSTED   the worker sent more than its windows allow, which only a defect brings about
   * UNAVAILABLE          the coordinator stops or cannot reach PostgreSQL; try another one. The trailing metadata
   * `hydra-holds-off-ms` says what StandingReply.holds_off_ms says
   */
  session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_hydra_v1_WorkerMessage, _hydra_v1_CoordinatorMessage__Output>;
  session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_hydra_v1_WorkerMessage, _hydra_v1_CoordinatorMessage__Output>;
  
  /**
   * Whether a worker is well served here. Workers ask it of all coordinators when they look for one, when theirs cannot
   * reach PostgreSQL, and when theirs asks them to rebalance. UNAVAILABLE: as for Session.
   */
  Standing(argument: _hydra_v1_StandingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  Standing(argument: _hydra_v1_StandingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  Standing(argument: _hydra_v1_StandingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  Standing(argument: _hydra_v1_StandingRequest, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  /**
   * Whether a worker is well served here. Workers ask it of all coordinators when they look for one, when theirs cannot
   * reach PostgreSQL, and when theirs asks them to rebalance. UNAVAILABLE: as for Session.
   */
  standing(argument: _hydra_v1_StandingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  standing(argument: _hydra_v1_StandingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  standing(argument: _hydra_v1_StandingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  standing(argument: _hydra_v1_StandingRequest, callback: grpc.requestCallback<_hydra_v1_StandingReply__Output>): grpc.ClientUnaryCall;
  
  /**
   * What the command of an attempt reads from its standard input, from `offset` on. Flow control of gRPC makes it as
   * fast as the command reads. FAILED_PRECONDITION: the attempt is not the task's current one.
   */
  Stdin(argument: _hydra_v1_StdinRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_StdinPiece__Output>;
  Stdin(argument: _hydra_v1_StdinRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_StdinPiece__Output>;
  /**
   * What the command of an attempt reads from its standard input, from `offset` on. Flow control of gRPC makes it as
   * fast as the command reads. FAILED_PRECONDITION: the attempt is not the task's current one.
   */
  stdin(argument: _hydra_v1_StdinRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_StdinPiece__Output>;
  stdin(argument: _hydra_v1_StdinRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_StdinPiece__Output>;
  
}

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
export interface CoordinatorHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Statuses that end a session:
   * INVALID_ARGUMENT     the first message was not a valid Register; the text names the field
   * ALREADY_EXISTS       another live process holds this worker_id
   * ABORTED              a newer session of this worker exists, or the lease of this one ended; register again
   * FAILED_PRECONDITION  a message came that the state of the session does not allow
   * INTERNAL             the registration failed for a reason that is in the coordinator's log
   * RESOURCE_EXHAUSTED   the worker sent more than its windows allow, which only a defect brings about
   * UNAVAILABLE          the coordinator stops or cannot reach PostgreSQL; try another one. The trailing metadata
   * `hydra-holds-off-ms` says what StandingReply.holds_off_ms says
   */
  Session: grpc.handleBidiStreamingCall<_hydra_v1_WorkerMessage__Output, _hydra_v1_CoordinatorMessage>;
  
  /**
   * Whether a worker is well served here. Workers ask it of all coordinators when they look for one, when theirs cannot
   * reach PostgreSQL, and when theirs asks them to rebalance. UNAVAILABLE: as for Session.
   */
  Standing: grpc.handleUnaryCall<_hydra_v1_StandingRequest__Output, _hydra_v1_StandingReply>;
  
  /**
   * What the command of an attempt reads from its standard input, from `offset` on. Flow control of gRPC makes it as
   * fast as the command reads. FAILED_PRECONDITION: the attempt is not the task's current one.
   */
  Stdin: grpc.handleServerStreamingCall<_hydra_v1_StdinRequest__Output, _hydra_v1_StdinPiece>;
  
}

export interface CoordinatorDefinition extends grpc.ServiceDefinition {
  Session: MethodDefinition<_hydra_v1_WorkerMessage, _hydra_v1_CoordinatorMessage, _hydra_v1_WorkerMessage__Output, _hydra_v1_CoordinatorMessage__Output>
  Standing: MethodDefinition<_hydra_v1_StandingRequest, _hydra_v1_StandingReply, _hydra_v1_StandingRequest__Output, _hydra_v1_StandingReply__Output>
  Stdin: MethodDefinition<_hydra_v1_StdinRequest, _hydra_v1_StdinPiece, _hydra_v1_StdinRequest__Output, _hydra_v1_StdinPiece__Output>
}
