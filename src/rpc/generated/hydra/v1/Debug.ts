// Original file: proto/hydra/v1/debug.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelTaskRequest as _hydra_v1_CancelTaskRequest, CancelTaskRequest__Output as _hydra_v1_CancelTaskRequest__Output } from '../../hydra/v1/CancelTaskRequest.ts';
import type { DrainWorkerRequest as _hydra_v1_DrainWorkerRequest, DrainWorkerRequest__Output as _hydra_v1_DrainWorkerRequest__Output } from '../../hydra/v1/DrainWorkerRequest.ts';
import type { Event as _hydra_v1_Event, Event__Output as _hydra_v1_Event__Output } from '../../hydra/v1/Event.ts';
import type { GetTaskRequest as _hydra_v1_GetTaskRequest, GetTaskRequest__Output as _hydra_v1_GetTaskRequest__Output } from '../../hydra/v1/GetTaskRequest.ts';
import type { GetWorkerRequest as _hydra_v1_GetWorkerRequest, GetWorkerRequest__Output as _hydra_v1_GetWorkerRequest__Output } from '../../hydra/v1/GetWorkerRequest.ts';
import type { ListInHandRequest as _hydra_v1_ListInHandRequest, ListInHandRequest__Output as _hydra_v1_ListInHandRequest__Output } from '../../hydra/v1/ListInHandRequest.ts';
import type { ListInHandResponse as _hydra_v1_ListInHandResponse, ListInHandResponse__Output as _hydra_v1_ListInHandResponse__Output } from '../../hydra/v1/ListInHandResponse.ts';
import type { ListWorkersRequest as _hydra_v1_ListWorkersRequest, ListWorkersRequest__Output as _hydra_v1_ListWorkersRequest__Output } from '../../hydra/v1/ListWorkersRequest.ts';
import type { ListWorkersResponse as _hydra_v1_ListWorkersResponse, ListWorkersResponse__Output as _hydra_v1_ListWorkersResponse__Output } from '../../hydra/v1/ListWorkersResponse.ts';
import type { SubmitTaskRequest as _hydra_v1_SubmitTaskRequest, SubmitTaskRequest__Output as _hydra_v1_SubmitTaskRequest__Output } from '../../hydra/v1/SubmitTaskRequest.ts';
import type { SubmitTaskResponse as _hydra_v1_SubmitTaskResponse, SubmitTaskResponse__Output as _hydra_v1_SubmitTaskResponse__Output } from '../../hydra/v1/SubmitTaskResponse.ts';
import type { Task as _hydra_v1_Task, Task__Output as _hydra_v1_Task__Output } from '../../hydra/v1/Task.ts';
import type { WatchEventsRequest as _hydra_v1_WatchEventsRequest, WatchEventsRequest__Output as _hydra_v1_WatchEventsRequest__Output } from '../../hydra/v1/WatchEventsRequest.ts';
import type { Worker as _hydra_v1_Worker, Worker__Output as _hydra_v1_Worker__Output } from '../../hydra/v1/Worker.ts';
import type { WorkerDetail as _hydra_v1_WorkerDetail, WorkerDetail__Output as _hydra_v1_WorkerDetail__Output } from '../../hydra/v1/WorkerDetail.ts';

/**
 * For people with grpcurl. Programs use the REST API.
 * 
 * Instants are text, ISO 8601 in UTC with milliseconds, and empty when they have not come about. Not
 * google.protobuf.Timestamp: server reflection does not carry files that others import, and grpcurl needs them.
 * 
 * Errors carry a gRPC status and a text that names the field and what would be right:
 * INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (not possible in the task's state),
 * UNAVAILABLE (PostgreSQL cannot be reached; try again).
 */
export interface DebugClient extends grpc.Client {
  /**
   * Cancel a task that has not started, as DELETE /schedule/:task_id does.
   */
  CancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  /**
   * Cancel a task that has not started, as DELETE /schedule/:task_id does.
   */
  cancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _hydra_v1_CancelTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _hydra_v1_CancelTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  
  /**
   * Tell a worker, wherever it is connected, to take nothing new, finish what it runs, and leave.
   */
  DrainWorker(argument: _hydra_v1_DrainWorkerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  DrainWorker(argument: _hydra_v1_DrainWorkerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  DrainWorker(argument: _hydra_v1_DrainWorkerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  DrainWorker(argument: _hydra_v1_DrainWorkerRequest, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  /**
   * Tell a worker, wherever it is connected, to take nothing new, finish what it runs, and leave.
   */
  drainWorker(argument: _hydra_v1_DrainWorkerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  drainWorker(argument: _hydra_v1_DrainWorkerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  drainWorker(argument: _hydra_v1_DrainWorkerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  drainWorker(argument: _hydra_v1_DrainWorkerRequest, callback: grpc.requestCallback<_hydra_v1_Worker__Output>): grpc.ClientUnaryCall;
  
  /**
   * One task, as GET /schedule/:task_id does.
   */
  GetTask(argument: _hydra_v1_GetTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _hydra_v1_GetTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _hydra_v1_GetTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _hydra_v1_GetTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  /**
   * One task, as GET /schedule/:task_id does.
   */
  getTask(argument: _hydra_v1_GetTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _hydra_v1_GetTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _hydra_v1_GetTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _hydra_v1_GetTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  
  /**
   * One worker, with the attempts it runs.
   */
  GetWorker(argument: _hydra_v1_GetWorkerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  GetWorker(argument: _hydra_v1_GetWorkerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  GetWorker(argument: _hydra_v1_GetWorkerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  GetWorker(argument: _hydra_v1_GetWorkerRequest, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  /**
   * One worker, with the attempts it runs.
   */
  getWorker(argument: _hydra_v1_GetWorkerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  getWorker(argument: _hydra_v1_GetWorkerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  getWorker(argument: _hydra_v1_GetWorkerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  getWorker(argument: _hydra_v1_GetWorkerRequest, callback: grpc.requestCallback<_hydra_v1_WorkerDetail__Output>): grpc.ClientUnaryCall;
  
  /**
   * Tasks that this coordinator has in hand: claimed and waiting for their instant or for a slot, or
   * dispatched to a worker.
   */
  ListInHand(argument: _hydra_v1_ListInHandRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  ListInHand(argument: _hydra_v1_ListInHandRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  ListInHand(argument: _hydra_v1_ListInHandRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  ListInHand(argument: _hydra_v1_ListInHandRequest, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Tasks that this coordinator has in hand: claimed and waiting for their instant or for a slot, or
   * dispatched to a worker.
   */
  listInHand(argument: _hydra_v1_ListInHandRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  listInHand(argument: _hydra_v1_ListInHandRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  listInHand(argument: _hydra_v1_ListInHandRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  listInHand(argument: _hydra_v1_ListInHandRequest, callback: grpc.requestCallback<_hydra_v1_ListInHandResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Every registered worker of the cluster, by id.
   */
  ListWorkers(argument: _hydra_v1_ListWorkersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  ListWorkers(argument: _hydra_v1_ListWorkersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  ListWorkers(argument: _hydra_v1_ListWorkersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  ListWorkers(argument: _hydra_v1_ListWorkersRequest, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Every registered worker of the cluster, by id.
   */
  listWorkers(argument: _hydra_v1_ListWorkersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  listWorkers(argument: _hydra_v1_ListWorkersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  listWorkers(argument: _hydra_v1_ListWorkersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  listWorkers(argument: _hydra_v1_ListWorkersRequest, callback: grpc.requestCallback<_hydra_v1_ListWorkersResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Submit a task, as POST /schedule does.
   */
  SubmitTask(argument: _hydra_v1_SubmitTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  SubmitTask(argument: _hydra_v1_SubmitTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  SubmitTask(argument: _hydra_v1_SubmitTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  SubmitTask(argument: _hydra_v1_SubmitTaskRequest, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Submit a task, as POST /schedule does.
   */
  submitTask(argument: _hydra_v1_SubmitTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  submitTask(argument: _hydra_v1_SubmitTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  submitTask(argument: _hydra_v1_SubmitTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  submitTask(argument: _hydra_v1_SubmitTaskRequest, callback: grpc.requestCallback<_hydra_v1_SubmitTaskResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * What happens on this coordinator from now on, until the call is ended. A reader that is too slow
   * loses events; the next event it gets says how many in `dropped`.
   */
  WatchEvents(argument: _hydra_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  WatchEvents(argument: _hydra_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  /**
   * What happens on this coordinator from now on, until the call is ended. A reader that is too slow
   * loses events; the next event it gets says how many in `dropped`.
   */
  watchEvents(argument: _hydra_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  watchEvents(argument: _hydra_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  
}

/**
 * For people with grpcurl. Programs use the REST API.
 * 
 * Instants are text, ISO 8601 in UTC with milliseconds, and empty when they have not come about. Not
 * google.protobuf.Timestamp: server reflection does not carry files that others import, and grpcurl needs them.
 * 
 * Errors carry a gRPC status and a text that names the field and what would be right:
 * INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (not possible in the task's state),
 * UNAVAILABLE (PostgreSQL cannot be reached; try again).
 */
export interface DebugHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Cancel a task that has not started, as DELETE /schedule/:task_id does.
   */
  CancelTask: grpc.handleUnaryCall<_hydra_v1_CancelTaskRequest__Output, _hydra_v1_Task>;
  
  /**
   * Tell a worker, wherever it is connected, to take nothing new, finish what it runs, and leave.
   */
  DrainWorker: grpc.handleUnaryCall<_hydra_v1_DrainWorkerRequest__Output, _hydra_v1_Worker>;
  
  /**
   * One task, as GET /schedule/:task_id does.
   */
  GetTask: grpc.handleUnaryCall<_hydra_v1_GetTaskRequest__Output, _hydra_v1_Task>;
  
  /**
   * One worker, with the attempts it runs.
   */
  GetWorker: grpc.handleUnaryCall<_hydra_v1_GetWorkerRequest__Output, _hydra_v1_WorkerDetail>;
  
  /**
   * Tasks that this coordinator has in hand: claimed and waiting for their instant or for a slot, or
   * dispatched to a worker.
   */
  ListInHand: grpc.handleUnaryCall<_hydra_v1_ListInHandRequest__Output, _hydra_v1_ListInHandResponse>;
  
  /**
   * Every registered worker of the cluster, by id.
   */
  ListWorkers: grpc.handleUnaryCall<_hydra_v1_ListWorkersRequest__Output, _hydra_v1_ListWorkersResponse>;
  
  /**
   * Submit a task, as POST /schedule does.
   */
  SubmitTask: grpc.handleUnaryCall<_hydra_v1_SubmitTaskRequest__Output, _hydra_v1_SubmitTaskResponse>;
  
  /**
   * What happens on this coordinator from now on, until the call is ended. A reader that is too slow
   * loses events; the next event it gets says how many in `dropped`.
   */
  WatchEvents: grpc.handleServerStreamingCall<_hydra_v1_WatchEventsRequest__Output, _hydra_v1_Event>;
  
}

export interface DebugDefinition extends grpc.ServiceDefinition {
  CancelTask: MethodDefinition<_hydra_v1_CancelTaskRequest, _hydra_v1_Task, _hydra_v1_CancelTaskRequest__Output, _hydra_v1_Task__Output>
  DrainWorker: MethodDefinition<_hydra_v1_DrainWorkerRequest, _hydra_v1_Worker, _hydra_v1_DrainWorkerRequest__Output, _hydra_v1_Worker__Output>
  GetTask: MethodDefinition<_hydra_v1_GetTaskRequest, _hydra_v1_Task, _hydra_v1_GetTaskRequest__Output, _hydra_v1_Task__Output>
  GetWorker: MethodDefinition<_hydra_v1_GetWorkerRequest, _hydra_v1_WorkerDetail, _hydra_v1_GetWorkerRequest__Output, _hydra_v1_WorkerDetail__Output>
  ListInHand: MethodDefinition<_hydra_v1_ListInHandRequest, _hydra_v1_ListInHandResponse, _hydra_v1_ListInHandRequest__Output, _hydra_v1_ListInHandResponse__Output>
  ListWorkers: MethodDefinition<_hydra_v1_ListWorkersRequest, _hydra_v1_ListWorkersResponse, _hydra_v1_ListWorkersRequest__Output, _hydra_v1_ListWorkersResponse__Output>
  SubmitTask: MethodDefinition<_hydra_v1_SubmitTaskRequest, _hydra_v1_SubmitTaskResponse, _hydra_v1_SubmitTaskRequest__Output, _hydra_v1_SubmitTaskResponse__Output>
  WatchEvents: MethodDefinition<_hydra_v1_WatchEventsRequest, _hydra_v1_Event, _hydra_v1_WatchEventsRequest__Output, _hydra_v1_Event__Output>
}
