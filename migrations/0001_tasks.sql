-- Up Migration

CREATE TYPE task_state AS ENUM ('scheduled', 'picked', 'running', 'completed', 'failed', 'cancelled', 'expired');

CREATE TYPE attempt_reason AS ENUM (
  'exited', 'signalled', 'timed_out', 'cancelled', 'worker_lost', 'rejected', 'spawn_error'
);

-- One row a task, from the day it is submitted. The row also holds the facts of the newest attempt;
-- attempts before it are in past_attempts.
CREATE TABLE tasks (
  id              uuid PRIMARY KEY,                          -- version 7: sorts by creation
  state           task_state  NOT NULL DEFAULT 'scheduled',
  queue           text        NOT NULL COLLATE "C",
  labels          jsonb       NOT NULL DEFAULT '{}',
  -- The queue and the required labels as one text: tasks of one lane can be run by the same workers.
  lane            text        NOT NULL COLLATE "C",
  priority        smallint    NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
  command         text        NOT NULL CHECK (octet_length(command) BETWEEN 1 AND 102400),
  idempotency_key text        COLLATE "C",

  created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
  scheduled_at    timestamptz NOT NULL,
  due_at          timestamptz NOT NULL,                      -- when the next attempt may start
  picked_at       timestamptz,
  started_at      timestamptz,
  completed_at    timestamptz,
  failed_at       timestamptz,
  cancelled_at    timestamptz,
  expired_at      timestamptz,

  attempt         integer     NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  lost_attempts   integer     NOT NULL DEFAULT 0 CHECK (lost_attempts >= 0), -- ended by infrastructure
  coordinator_id  uuid,                                      -- who claimed it, or last heard of it
  worker_id       text        COLLATE "C",                   -- known from the first report on
  exit_code       smallint    CHECK (exit_code BETWEEN 0 AND 255),
  signal          text,
  reason          attempt_reason,
  error           text,

  CONSTRAINT never_early CHECK (due_at >= scheduled_at),
  CONSTRAINT scheduled_is_free CHECK (state <> 'scheduled'
    OR (coordinator_id IS NULL AND worker_id IS NULL AND picked_at IS NULL AND started_at IS NULL AND reason IS NULL)),
  CONSTRAINT picked_has_owner CHECK (state <> 'picked'
    OR (coordinator_id IS NOT NULL AND picked_at IS NOT NULL AND started_at IS NULL AND attempt > 0)),
  CONSTRAINT running_has_worker CHECK (state <> 'running'
    OR (worker_id IS NOT NULL AND started_at IS NOT NULL AND attempt > 0 AND reason IS NULL)),
  CONSTRAINT one_end CHECK (
    (state = 'completed') = (completed_at IS NOT NULL) AND (state = 'failed') = (failed_at IS NOT NULL)
    AND (state = 'cancelled') = (cancelled_at IS NOT NULL) AND (state = 'expired') = (expired_at IS NOT NULL)),
  CONSTRAINT completed_exited CHECK (state <> 'completed' OR (reason = 'exited' AND started_at IS NOT NULL)),
  CONSTRAINT failed_has_reason CHECK (state <> 'failed' OR reason IS NOT NULL),
  CONSTRAINT exit_or_signal CHECK (exit_code IS NULL OR signal IS NULL)
);

-- Claiming: what is due in a lane, best first. Its cost does not depend on how much waits or has ended.
CREATE INDEX tasks_due ON tasks (lane, (-priority), due_at, id) WHERE state = 'scheduled';

-- Reaping and "what runs where". Small: only what somebody owns.
CREATE INDEX tasks_owned ON tasks (worker_id, coordinator_id) WHERE state IN ('picked', 'running');

-- Listing by any of queue, state and time, in pages.
CREATE INDEX tasks_listing ON tasks (queue, state, scheduled_at, id);
CREATE INDEX tasks_by_worker ON tasks (worker_id, queue, state, scheduled_at, id) WHERE worker_id IS NOT NULL;

CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Attempts that were followed by another one.
CREATE TABLE past_attempts (
  task_id        uuid        NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  attempt        integer     NOT NULL CHECK (attempt > 0),
  coordinator_id uuid,
  worker_id      text        COLLATE "C",
  picked_at      timestamptz NOT NULL,
  started_at     timestamptz,
  ended_at       timestamptz NOT NULL,
  exit_code      smallint,
  signal         text,
  reason         attempt_reason NOT NULL,
  error          text,
  PRIMARY KEY (task_id, attempt)
);

-- What commands wrote. Apart from tasks, so that claiming never reads past it; no row when nothing was written.
CREATE TABLE outputs (
  task_id      uuid    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  attempt      integer NOT NULL,
  stdout       bytea   NOT NULL,
  stderr       bytea   NOT NULL,
  stdout_bytes bigint  NOT NULL,                             -- all that was written, kept or not
  stderr_bytes bigint  NOT NULL,
  PRIMARY KEY (task_id, attempt),
  CHECK (stdout_bytes >= octet_length(stdout) AND stderr_bytes >= octet_length(stderr))
);

-- One row a live coordinator. It owns what it claimed while its lease lasts.
CREATE TABLE coordinators (
  id          uuid        PRIMARY KEY,
  hostname    text        NOT NULL,
  address     text        NOT NULL,                          -- where its gRPC server listens
  version     text        NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz NOT NULL
);

-- One row a registered worker. It owns what it runs while its lease lasts.
CREATE TABLE workers (
  id                 text        PRIMARY KEY COLLATE "C",
  instance_id        uuid        NOT NULL,                   -- the process; two with one id are told apart by it
  ordinal            bigint      NOT NULL,                   -- of the process's registrations, this is the n-th
  session_id         uuid        NOT NULL,                   -- its newest stream
  coordinator_id     uuid        NOT NULL,                   -- where that stream is or was
  hostname           text        NOT NULL,
  pid                integer     NOT NULL,
  version            text        NOT NULL,
  slots              integer     NOT NULL CHECK (slots BETWEEN 1 AND 10000),
  labels             jsonb       NOT NULL,
  queues             text[]      NOT NULL,
  draining           boolean     NOT NULL DEFAULT false,
  connected_at       timestamptz NOT NULL DEFAULT now(),
  last_heartbeat_at  timestamptz NOT NULL DEFAULT now(),
  lease_until        timestamptz NOT NULL
);

CREATE INDEX workers_by_coordinator ON workers (coordinator_id);
