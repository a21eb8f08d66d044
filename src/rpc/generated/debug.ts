import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AttemptRecord as _hydra_v1_AttemptRecord, AttemptRecord__Output as _hydra_v1_AttemptRecord__Output } from './hydra/v1/AttemptRecord.ts';
import type { CancelTaskRequest as _hydra_v1_CancelTaskRequest, CancelTaskRequest__Output as _hydra_v1_CancelTaskRequest__Output } from './hydra/v1/CancelTaskRequest.ts';
import type { DebugClient as _hydra_v1_DebugClient, DebugDefinition as _hydra_v1_DebugDefinition } from './hydra/v1/Debug.ts';
import type { DrainWorkerRequest as _hydra_v1_DrainWorkerRequest, DrainWorkerRequest__Output as _hydra_v1_DrainWorkerRequest__Output } from './hydra/v1/DrainWorkerRequest.ts';
import type { Event as _hydra_v1_Event, Event__Output as _hydra_v1_Event__Output } from './hydra/v1/Event.ts';
import type { GetTaskRequest as _hydra_v1_GetTaskRequest, GetTaskRequest__Output as _hydra_v1_GetTaskRequest__Output } from './hydra/v1/GetTaskRequest.ts';
import type { GetWorkerRequest as _hydra_v1_GetWorkerRequest, GetWorkerRequest__Output as _hydra_v1_GetWorkerRequest__Output } from './hydra/v1/GetWorkerRequest.ts';
import type { InHand as _hydra_v1_InHand, InHand__Output as _hydra_v1_InHand__Output } from './hydra/v1/InHand.ts';
import type { ListAttemptsRequest as _hydra_v1_ListAttemptsRequest, ListAttemptsRequest__Output as _hydra_v1_ListAttemptsRequest__Output } from './hydra/v1/ListAttemptsRequest.ts';
import type { ListAttemptsResponse as _hydra_v1_ListAttemptsResponse, ListAttemptsResponse__Output as _hydra_v1_ListAttemptsResponse__Output } from './hydra/v1/ListAttemptsResponse.ts';
import type { ListInHandRequest as _hydra_v1_ListInHandRequest, ListInHandRequest__Output as _hydra_v1_ListInHandRequest__Output } from './hydra/v1/ListInHandRequest.ts';
import type { ListInHandResponse as _hydra_v1_ListInHandResponse, ListInHandResponse__Output as _hydra_v1_ListInHandResponse__Output } from './hydra/v1/ListInHandResponse.ts';
import type { ListWorkersRequest as _hydra_v1_ListWorkersRequest, ListWorkersRequest__Output as _hydra_v1_ListWorkersRequest__Output } from './hydra/v1/ListWorkersRequest.ts';
import type { ListWorkersResponse as _hydra_v1_ListWorkersResponse, ListWorkersResponse__Output as _hydra_v1_ListWorkersResponse__Output } from './hydra/v1/ListWorkersResponse.ts';
import type { RetryTaskRequest as _hydra_v1_RetryTaskRequest, RetryTaskRequest__Output as _hydra_v1_RetryTaskRequest__Output } from './hydra/v1/RetryTaskRequest.ts';
import type { RunTaskNowRequest as _hydra_v1_RunTaskNowRequest, RunTaskNowRequest__Output as _hydra_v1_RunTaskNowRequest__Output } from './hydra/v1/RunTaskNowRequest.ts';
import type { SubmitTaskRequest as _hydra_v1_SubmitTaskRequest, SubmitTaskRequest__Output as _hydra_v1_SubmitTaskRequest__Output } from './hydra/v1/SubmitTaskRequest.ts';
import type { SubmitTaskResponse as _hydra_v1_SubmitTaskResponse, SubmitTaskResponse__Output as _hydra_v1_SubmitTaskResponse__Output } from './hydra/v1/SubmitTaskResponse.ts';
import type { Task as _hydra_v1_Task, Task__Output as _hydra_v1_Task__Output } from './hydra/v1/Task.ts';
import type { WatchEventsRequest as _hydra_v1_WatchEventsRequest, WatchEventsRequest__Output as _hydra_v1_WatchEventsRequest__Output } from './hydra/v1/WatchEventsRequest.ts';
import type { Worker as _hydra_v1_Worker, Worker__Output as _hydra_v1_Worker__Output } from './hydra/v1/Worker.ts';
import type { WorkerDetail as _hydra_v1_WorkerDetail, WorkerDetail__Output as _hydra_v1_WorkerDetail__Output } from './hydra/v1/WorkerDetail.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hydra: {
    v1: {
      AttemptRecord: MessageTypeDefinition<_hydra_v1_AttemptRecord, _hydra_v1_AttemptRecord__Output>
      CancelTaskRequest: MessageTypeDefinition<_hydra_v1_CancelTaskRequest, _hydra_v1_CancelTaskRequest__Output>
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
      Debug: SubtypeConstructor<typeof grpc.Client, _hydra_v1_DebugClient> & { service: _hydra_v1_DebugDefinition }
      DrainWorkerRequest: MessageTypeDefinition<_hydra_v1_DrainWorkerRequest, _hydra_v1_DrainWorkerRequest__Output>
      Event: MessageTypeDefinition<_hydra_v1_Event, _hydra_v1_Event__Output>
      EventKind: EnumTypeDefinition
      GetTaskRequest: MessageTypeDefinition<_hydra_v1_GetTaskRequest, _hydra_v1_GetTaskRequest__Output>
      GetWorkerRequest: MessageTypeDefinition<_hydra_v1_GetWorkerRequest, _hydra_v1_GetWorkerRequest__Output>
      InHand: MessageTypeDefinition<_hydra_v1_InHand, _hydra_v1_InHand__Output>
      ListAttemptsRequest: MessageTypeDefinition<_hydra_v1_ListAttemptsRequest, _hydra_v1_ListAttemptsRequest__Output>
      ListAttemptsResponse: MessageTypeDefinition<_hydra_v1_ListAttemptsResponse, _hydra_v1_ListAttemptsResponse__Output>
      ListInHandRequest: MessageTypeDefinition<_hydra_v1_ListInHandRequest, _hydra_v1_ListInHandRequest__Output>
      ListInHandResponse: MessageTypeDefinition<_hydra_v1_ListInHandResponse, _hydra_v1_ListInHandResponse__Output>
      ListWorkersRequest: MessageTypeDefinition<_hydra_v1_ListWorkersRequest, _hydra_v1_ListWorkersRequest__Output>
      ListWorkersResponse: MessageTypeDefinition<_hydra_v1_ListWorkersResponse, _hydra_v1_ListWorkersResponse__Output>
      RetryTaskRequest: MessageTypeDefinition<_hydra_v1_RetryTaskRequest, _hydra_v1_RetryTaskRequest__Output>
      RunTaskNowRequest: MessageTypeDefinition<_hydra_v1_RunTaskNowRequest, _hydra_v1_RunTaskNowRequest__Output>
      SubmitTaskRequest: MessageTypeDefinition<_hydra_v1_SubmitTaskRequest, _hydra_v1_SubmitTaskRequest__Output>
      SubmitTaskResponse: MessageTypeDefinition<_hydra_v1_SubmitTaskResponse, _hydra_v1_SubmitTaskResponse__Output>
      Task: MessageTypeDefinition<_hydra_v1_Task, _hydra_v1_Task__Output>
      WatchEventsRequest: MessageTypeDefinition<_hydra_v1_WatchEventsRequest, _hydra_v1_WatchEventsRequest__Output>
      Worker: MessageTypeDefinition<_hydra_v1_Worker, _hydra_v1_Worker__Output>
      WorkerDetail: MessageTypeDefinition<_hydra_v1_WorkerDetail, _hydra_v1_WorkerDetail__Output>
    }
  }
}

