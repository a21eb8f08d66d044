// Original file: proto/hydra/v1/debug.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelTaskRequest as _hydra_v1_CancelTaskRequest, CancelTaskRequest__Output as _hydra_v1_CancelTaskRequest__Output } from '../../hydra/v1/CancelTaskRequest.ts';
import type { DrainWorkerRequest as _hydra_v1_DrainWorkerRequest, DrainWorkerRequest__Output as _hydra_v1_DrainWorkerRequest__Output } from '../../hydra/v1/DrainWorkerRequest.ts';
import type { Event as _hydra_v1_Event, Event__Output as _hydra_v1_Event__Output } from '../../hydra/v1/Event.ts';
import type { GetTaskRequest as _hydra_v1_GetTaskRequest, GetTaskRequest__Output as _hydra_v1_GetTaskRequest__Output } from '../../hydra/v1/GetTaskRequest.ts';
import type { GetWorkerRequest as _hydra_v1_GetWorkerRequest, GetWorkerRequest__Output as _hydra_v1_GetWorkerRequest__Output } from '../../hydra/v1/GetWorkerRequest.ts';
import type { ListAttemptsRequest as _hydra_v1_ListAttemptsRequest, ListAttemptsRequest__Output as _hydra_v1_ListAttemptsRequest__Output } from '../../hydra/v1/ListAttemptsRequest.ts';
import type { ListAttemptsResponse as _hydra_v1_ListAttemptsResponse, ListAttemptsResponse__Output as _hydra_v1_ListAttemptsResponse__Output } from '../../hydra/v1/ListAttemptsResponse.ts';
import type { ListInHandRequest as _hydra_v1_ListInHandRequest, ListInHandRequest__Output as _hydra_v1_ListInHandRequest__Output } from '../../hydra/v1/ListInHandRequest.ts';
import type { ListInHandResponse as _hydra_v1_ListInHandResponse, ListInHandResponse__Output as _hydra_v1_ListInHandResponse__Output } from '../../hydra/v1/ListInHandResponse.ts';
import type { ListWorkersRequest as _hydra_v1_ListWorkersRequest, ListWorkersRequest__Output as _hydra_v1_ListWorkersRequest__Output } from '../../hydra/v1/ListWorkersRequest.ts';
import type { ListWorkersResponse as _hydra_v1_ListWorkersResponse, ListWorkersResponse__Output as _hydra_v1_ListWorkersResponse__Output } from '../../hydra/v1/ListWorkersResponse.ts';
import type { RetryTaskRequest as _hydra_v1_RetryTaskRequest, RetryTaskRequest__Output as _hydra_v1_RetryTaskRequest__Output } from '../../hydra/v1/RetryTaskRequest.ts';
import type { RunTaskNowRequest as _hydra_v1_RunTaskNowRequest, RunTaskNowRequest__Output as _hydra_v1_RunTaskNowRequest__Output } from '../../hydra/v1/RunTaskNowRequest.ts';
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
   * Cancel a task, as DELETE /schedule/:task_id does. One that waits is cancelled at once; one that a worker has is
   * stopped there, and is cancelled once that is reported or its worker's lease ends: until then the answer has its
   * present state and cancel_requested_at. FAILED_PRECONDITION: it has ended otherwise.
   */
  CancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _hydra_v1_CancelTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  /**
   * Cancel a task, as DELETE /schedule/:task_id does. One that waits is cancelled at once; one that a worker has is
   * stopped there, and is cancelled once that is reported or its worker's lease ends: until then the answer has its
   * present state and cancel_requested_at. FAILED_PRECONDITION: it has ended otherwise.
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
   * Every attempt of a task, as GET /schedule/:task_id/attempts does.
   */
  ListAttempts(argument: _hydra_v1_ListAttemptsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  ListAttempts(argument: _hydra_v1_ListAttemptsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  ListAttempts(argument: _hydra_v1_ListAttemptsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  ListAttempts(argument: _hydra_v1_ListAttemptsRequest, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Every attempt of a task, as GET /schedule/:task_id/attempts does.
   */
  listAttempts(argument: _hydra_v1_ListAttemptsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  listAttempts(argument: _hydra_v1_ListAttemptsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  listAttempts(argument: _hydra_v1_ListAttemptsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  listAttempts(argument: _hydra_v1_ListAttemptsRequest, callback: grpc.requestCallback<_hydra_v1_ListAttemptsResponse__Output>): grpc.ClientUnaryCall;
  
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
   * Run a task that has ended once more, now, as POST /schedule/:task_id/retry does. FAILED_PRECONDITION: it has not
   * ended.
   */
  RetryTask(argument: _hydra_v1_RetryTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RetryTask(argument: _hydra_v1_RetryTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RetryTask(argument: _hydra_v1_RetryTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RetryTask(argument: _hydra_v1_RetryTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  /**
   * Run a task that has ended once more, now, as POST /schedule/:task_id/retry does. FAILED_PRECONDITION: it has not
   * ended.
   */
  retryTask(argument: _hydra_v1_RetryTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  retryTask(argument: _hydra_v1_RetryTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  retryTask(argument: _hydra_v1_RetryTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  retryTask(argument: _hydra_v1_RetryTaskRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  
  /**
   * Run a task now that waits for its time, as POST /schedule/:task_id/run-now does. FAILED_PRECONDITION: it runs or has
   * ended.
   */
  RunTaskNow(argument: _hydra_v1_RunTaskNowRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RunTaskNow(argument: _hydra_v1_RunTaskNowRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RunTaskNow(argument: _hydra_v1_RunTaskNowRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  RunTaskNow(argument: _hydra_v1_RunTaskNowRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  /**
   * Run a task now that waits for its time, as POST /schedule/:task_id/run-now does. FAILED_PRECONDITION: it runs or has
   * ended.
   */
  runTaskNow(argument: _hydra_v1_RunTaskNowRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  runTaskNow(argument: _hydra_v1_RunTaskNowRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  runTaskNow(argument: _hydra_v1_RunTaskNowRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  runTaskNow(argument: _hydra_v1_RunTaskNowRequest, callback: grpc.requestCallback<_hydra_v1_Task__Output>): grpc.ClientUnaryCall;
  
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
   * What happens on this coordinator from the initial metadata on, until the call is ended. A reader that is too slow
   * loses events; the next event it gets says how many in `dropped`.
   */
  WatchEvents(argument: _hydra_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  WatchEvents(argument: _hydra_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_hydra_v1_Event__Output>;
  /**
   * What happens on this coordinator from the initial metadata on, until the call is ended. A reader that is too slow
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
   * Cancel a task, as DELETE /schedule/:task_id does. One that waits is cancelled at once; one that a worker has is
   * stopped there, and is cancelled once that is reported or its worker's lease ends: until then the answer has its
   * present state and cancel_requested_at. FAILED_PRECONDITION: it has ended otherwise.
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
   * Every attempt of a task, as GET /schedule/:task_id/attempts does.
   */
  ListAttempts: grpc.handleUnaryCall<_hydra_v1_ListAttemptsRequest__Output, _hydra_v1_ListAttemptsResponse>;
  
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
   * Run a task that has ended once more, now, as POST /schedule/:task_id/retry does. FAILED_PRECONDITION: it has not
   * ended.
   */
  RetryTask: grpc.handleUnaryCall<_hydra_v1_RetryTaskRequest__Output, _hydra_v1_Task>;
  
  /**
   * Run a task now that waits for its time, as POST /schedule/:task_id/run-now does. FAILED_PRECONDITION: it runs or has
   * ended.
   */
  RunTaskNow: grpc.handleUnaryCall<_hydra_v1_RunTaskNowRequest__Output, _hydra_v1_Task>;
  
  /**
   * Submit a task, as POST /schedule does.
   */
  SubmitTask: grpc.handleUnaryCall<_hydra_v1_SubmitTaskRequest__Output, _hydra_v1_SubmitTaskResponse>;
  
  /**
   * What happens on this coordinator from the initial metadata on, until the call is ended. A reader that is too slow
   * loses events; the next event it gets says how many in `dropped`.
   */
  WatchEvents: grpc.handleServerStreamingCall<_hydra_v1_WatchEventsRequest__Output, _hydra_v1_Event>;
  
}

export interface DebugDefinition extends grpc.ServiceDefinition {
  CancelTask: MethodDefinition<_hydra_v1_CancelTaskRequest, _hydra_v1_Task, _hydra_v1_CancelTaskRequest__Output, _hydra_v1_Task__Output>
  DrainWorker: MethodDefinition<_hydra_v1_DrainWorkerRequest, _hydra_v1_Worker, _hydra_v1_DrainWorkerRequest__Output, _hydra_v1_Worker__Output>
  GetTask: MethodDefinition<_hydra_v1_GetTaskRequest, _hydra_v1_Task, _hydra_v1_GetTaskRequest__Output, _hydra_v1_Task__Output>
  GetWorker: MethodDefinition<_hydra_v1_GetWorkerRequest, _hydra_v1_WorkerDetail, _hydra_v1_GetWorkerRequest__Output, _hydra_v1_WorkerDetail__Output>
  ListAttempts: MethodDefinition<_hydra_v1_ListAttemptsRequest, _hydra_v1_ListAttemptsResponse, _hydra_v1_ListAttemptsRequest__Output, _hydra_v1_ListAttemptsResponse__Output>
  ListInHand: MethodDefinition<_hydra_v1_ListInHandRequest, _hydra_v1_ListInHandResponse, _hydra_v1_ListInHandRequest__Output, _hydra_v1_ListInHandResponse__Output>
  ListWorkers: MethodDefinition<_hydra_v1_ListWorkersRequest, _hydra_v1_ListWorkersResponse, _hydra_v1_ListWorkersRequest__Output, _hydra_v1_ListWorkersResponse__Output>
  RetryTask: MethodDefinition<_hydra_v1_RetryTaskRequest, _hydra_v1_Task, _hydra_v1_RetryTaskRequest__Output, _hydra_v1_Task__Output>
  RunTaskNow: MethodDefinition<_hydra_v1_RunTaskNowRequest, _hydra_v1_Task, _hydra_v1_RunTaskNowRequest__Output, _hydra_v1_Task__Output>
  SubmitTask: MethodDefinition<_hydra_v1_SubmitTaskRequest, _hydra_v1_SubmitTaskResponse, _hydra_v1_SubmitTaskRequest__Output, _hydra_v1_SubmitTaskResponse__Output>
  WatchEvents: MethodDefinition<_hydra_v1_WatchEventsRequest, _hydra_v1_Event, _hydra_v1_WatchEventsRequest__Output, _hydra_v1_Event__Output>
}
