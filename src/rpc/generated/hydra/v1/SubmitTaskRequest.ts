// Original file: proto/hydra/v1/debug.proto


export interface SubmitTaskRequest {
  /**
   * Empty: options_json has an argv instead.
   */
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
  /**
   * Further fields of the body of POST /schedule, as a JSON object, such as {"timeout_ms": 5000, "env": {"A": "b"}}.
   * Not those that have a field of their own here.
   */
  'options_json'?: (string);
}

export interface SubmitTaskRequest__Output {
  /**
   * Empty: options_json has an argv instead.
   */
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
  /**
   * Further fields of the body of POST /schedule, as a JSON object, such as {"timeout_ms": 5000, "env": {"A": "b"}}.
   * Not those that have a field of their own here.
   */
  'options_json': (string);
}
