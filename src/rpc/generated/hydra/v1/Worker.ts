// Original file: proto/hydra/v1/debug.proto


export interface Worker {
  'worker_id'?: (string);
  'hostname'?: (string);
  'pid'?: (number);
  'version'?: (string);
  'slots'?: (number);
  /**
   * Commands it runs, as recorded in PostgreSQL.
   */
  'running'?: (number);
  'labels'?: ({[key: string]: string});
  'queues'?: (string)[];
  /**
   * True: takes nothing new.
   */
  'draining'?: (boolean);
  /**
   * The coordinator it is connected to, or was last.
   */
  'coordinator_id'?: (string);
  'connected_at'?: (string);
  'last_heartbeat_at'?: (string);
  /**
   * Past this its tasks go back, unless it is renewed.
   */
  'lease_until'?: (string);
}

export interface Worker__Output {
  'worker_id': (string);
  'hostname': (string);
  'pid': (number);
  'version': (string);
  'slots': (number);
  /**
   * Commands it runs, as recorded in PostgreSQL.
   */
  'running': (number);
  'labels': ({[key: string]: string});
  'queues': (string)[];
  /**
   * True: takes nothing new.
   */
  'draining': (boolean);
  /**
   * The coordinator it is connected to, or was last.
   */
  'coordinator_id': (string);
  'connected_at': (string);
  'last_heartbeat_at': (string);
  /**
   * Past this its tasks go back, unless it is renewed.
   */
  'lease_until': (string);
}
