// Original file: proto/hydra/v1/debug.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

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
  'connected_at'?: (_google_protobuf_Timestamp | null);
  'last_heartbeat_at'?: (_google_protobuf_Timestamp | null);
  /**
   * Past this its tasks go back, unless it is renewed.
   */
  'lease_until'?: (_google_protobuf_Timestamp | null);
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
  'connected_at': (_google_protobuf_Timestamp__Output | null);
  'last_heartbeat_at': (_google_protobuf_Timestamp__Output | null);
  /**
   * Past this its tasks go back, unless it is renewed.
   */
  'lease_until': (_google_protobuf_Timestamp__Output | null);
}
