// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Reason as _hydra_v1_Reason, Reason__Output as _hydra_v1_Reason__Output } from '../../hydra/v1/Reason.ts';
import type { OutputChunk as _hydra_v1_OutputChunk, OutputChunk__Output as _hydra_v1_OutputChunk__Output } from '../../hydra/v1/OutputChunk.ts';
import type { Long } from '@grpc/proto-loader';

export interface Finished {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Microseconds since the command started, at the time of sending; not set if it never started.
   */
  'started_age_us'?: (number | string | Long);
  /**
   * Microseconds since the command ended, at the time of sending.
   */
  'ended_age_us'?: (number | string | Long);
  'reason'?: (_hydra_v1_Reason);
  /**
   * 0 to 255; set when the reason is REASON_EXITED.
   */
  'exit_code'?: (number);
  /**
   * Such as "SIGKILL"; set when a signal ended the command.
   */
  'signal'?: (string);
  /**
   * A sentence for people, when there is something to say beyond the reason.
   */
  'error'?: (string);
  /**
   * The last of the output, when it is little and was not sent before. All that was sent before is acknowledged.
   */
  'output'?: (_hydra_v1_OutputChunk)[];
  /**
   * Processor time of all processes of the attempt; not set: not measured.
   */
  'cpu_ms'?: (number | string | Long);
  /**
   * Most memory that they had at one time; not set: not measured.
   */
  'peak_memory_bytes'?: (number | string | Long);
  '_started_age_us'?: "started_age_us";
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}

export interface Finished__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Microseconds since the command started, at the time of sending; not set if it never started.
   */
  'started_age_us'?: (number);
  /**
   * Microseconds since the command ended, at the time of sending.
   */
  'ended_age_us': (number);
  'reason': (_hydra_v1_Reason__Output);
  /**
   * 0 to 255; set when the reason is REASON_EXITED.
   */
  'exit_code'?: (number);
  /**
   * Such as "SIGKILL"; set when a signal ended the command.
   */
  'signal'?: (string);
  /**
   * A sentence for people, when there is something to say beyond the reason.
   */
  'error': (string);
  /**
   * The last of the output, when it is little and was not sent before. All that was sent before is acknowledged.
   */
  'output': (_hydra_v1_OutputChunk__Output)[];
  /**
   * Processor time of all processes of the attempt; not set: not measured.
   */
  'cpu_ms'?: (number);
  /**
   * Most memory that they had at one time; not set: not measured.
   */
  'peak_memory_bytes'?: (number);
  '_started_age_us'?: "started_age_us";
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}
