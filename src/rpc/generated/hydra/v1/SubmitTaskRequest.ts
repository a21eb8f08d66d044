// Original file: proto/hydra/v1/debug.proto


export interface SubmitTaskRequest {
  'command'?: (string);
  /**
   * An ISO 8601 instant; empty: now.
   */
  'scheduled_at'?: (string);
  /**
   * Empty: "default".
   */
  'queue'?: (string);
  /**
   * -100 to 100, higher first.
   */
  'priority'?: (number);
  'labels'?: ({[key: string]: string});
  'idempotency_key'?: (string);
}

export interface SubmitTaskRequest__Output {
  'command': (string);
  /**
   * An ISO 8601 instant; empty: now.
   */
  'scheduled_at': (string);
  /**
   * Empty: "default".
   */
  'queue': (string);
  /**
   * -100 to 100, higher first.
   */
  'priority': (number);
  'labels': ({[key: string]: string});
  'idempotency_key': (string);
}
