// Original file: proto/hydra/v1/session.proto

import type { Limits as _hydra_v1_Limits, Limits__Output as _hydra_v1_Limits__Output } from '../../hydra/v1/Limits.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * How to run a command. Every field may be left out.
 */
export interface RunOptions {
  /**
   * The program and its arguments, run without a shell.
   */
  'argv'?: (string)[];
  /**
   * Program that is given `-c` and the command. Empty: sh.
   */
  'shell'?: (string);
  /**
   * Set over the worker's base environment.
   */
  'env'?: ({[key: string]: string});
  /**
   * Empty: the worker's own folder.
   */
  'cwd'?: (string);
  'umask'?: (number);
  /**
   * Name of the user to run as. Empty: the worker's own.
   */
  'user'?: (string);
  /**
   * Of this attempt. 0: none.
   */
  'timeout_ms'?: (number | string | Long);
  /**
   * Sent this long before the timeout. Empty: none.
   */
  'warn_signal'?: (string);
  'warn_before_ms'?: (number | string | Long);
  /**
   * First signal when it is stopped. Empty: SIGTERM.
   */
  'stop_signal'?: (string);
  /**
   * From stop_signal to SIGKILL. Not set: 10,000.
   */
  'grace_ms'?: (number | string | Long);
  /**
   * Processes that the command leaves behind when it ends may live on.
   */
  'allow_background'?: (boolean);
  /**
   * stderr goes where stdout goes, so that the order of the two is exact.
   */
  'merge_stderr'?: (boolean);
  /**
   * Bytes of output that are kept, first and last ones. Not set: the worker's default.
   */
  'output_limit_bytes'?: (number | string | Long);
  /**
   * A command that writes more than output_limit_bytes is stopped.
   */
  'kill_on_output_limit'?: (boolean);
  'limits'?: (_hydra_v1_Limits | null);
  /**
   * -20 to 19, higher is more modest. Not set: as the worker.
   */
  'nice'?: (number);
  '_umask'?: "umask";
  '_grace_ms'?: "grace_ms";
  '_output_limit_bytes'?: "output_limit_bytes";
  '_nice'?: "nice";
}

/**
 * How to run a command. Every field may be left out.
 */
export interface RunOptions__Output {
  /**
   * The program and its arguments, run without a shell.
   */
  'argv': (string)[];
  /**
   * Program that is given `-c` and the command. Empty: sh.
   */
  'shell': (string);
  /**
   * Set over the worker's base environment.
   */
  'env': ({[key: string]: string});
  /**
   * Empty: the worker's own folder.
   */
  'cwd': (string);
  'umask'?: (number);
  /**
   * Name of the user to run as. Empty: the worker's own.
   */
  'user': (string);
  /**
   * Of this attempt. 0: none.
   */
  'timeout_ms': (number);
  /**
   * Sent this long before the timeout. Empty: none.
   */
  'warn_signal': (string);
  'warn_before_ms': (number);
  /**
   * First signal when it is stopped. Empty: SIGTERM.
   */
  'stop_signal': (string);
  /**
   * From stop_signal to SIGKILL. Not set: 10,000.
   */
  'grace_ms'?: (number);
  /**
   * Processes that the command leaves behind when it ends may live on.
   */
  'allow_background': (boolean);
  /**
   * stderr goes where stdout goes, so that the order of the two is exact.
   */
  'merge_stderr': (boolean);
  /**
   * Bytes of output that are kept, first and last ones. Not set: the worker's default.
   */
  'output_limit_bytes'?: (number);
  /**
   * A command that writes more than output_limit_bytes is stopped.
   */
  'kill_on_output_limit': (boolean);
  'limits': (_hydra_v1_Limits__Output | null);
  /**
   * -20 to 19, higher is more modest. Not set: as the worker.
   */
  'nice'?: (number);
  '_umask'?: "umask";
  '_grace_ms'?: "grace_ms";
  '_output_limit_bytes'?: "output_limit_bytes";
  '_nice'?: "nice";
}
