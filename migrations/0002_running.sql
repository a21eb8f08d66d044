-- Up Migration

-- What to run and how, beyond the command. What only a worker reads is in options, spelt as in the API.
ALTER TABLE tasks
  ALTER COLUMN command DROP NOT NULL,
  ADD COLUMN argv              text[],                       -- instead of command: run without a shell
  ADD COLUMN options           jsonb   NOT NULL DEFAULT '{}',
  ADD COLUMN secret_env        jsonb,                        -- name → value; never shown
  ADD COLUMN run_bytes         integer NOT NULL DEFAULT 0,   -- of command, argv, options and secret_env, as text
  ADD COLUMN has_stdin         boolean NOT NULL DEFAULT false, -- it is in task_stdin
  ADD COLUMN retry             jsonb,                        -- when failing is not the end; NULL: it is
  ADD COLUMN retry_counts      integer[] NOT NULL DEFAULT '{}', -- retries so far: all, then those of each retry_on rule
  ADD COLUMN retry_lost        boolean NOT NULL DEFAULT true, -- running it again after its worker was lost is safe
  ADD COLUMN total_timeout_ms  bigint  CHECK (total_timeout_ms > 0),
  ADD COLUMN start_deadline    timestamptz,
  ADD COLUMN first_started_at  timestamptz,
  -- While it waits: the start deadline, and once it has started, the end of total_timeout_ms.
  ADD COLUMN give_up_at        timestamptz,
  ADD COLUMN cancel_requested_at timestamptz,
  ADD COLUMN cpu_ms            bigint  CHECK (cpu_ms >= 0),  -- of the newest attempt, all its processes; NULL: not measured
  ADD COLUMN peak_memory_bytes bigint  CHECK (peak_memory_bytes >= 0),
  ADD CONSTRAINT command_or_argv CHECK (num_nonnulls(command, argv) = 1),
  ADD CONSTRAINT cancel_ends_it CHECK (cancel_requested_at IS NULL OR state IN ('picked', 'running', 'cancelled'));

-- What is to be given up when its time comes.
CREATE INDEX tasks_give_up ON tasks (give_up_at) WHERE state = 'scheduled' AND give_up_at IS NOT NULL;
-- What somebody owns and is to stop.
CREATE INDEX tasks_cancelling ON tasks (coordinator_id)
  WHERE cancel_requested_at IS NOT NULL AND state IN ('picked', 'running');

ALTER TABLE past_attempts
  ADD COLUMN cpu_ms            bigint,
  ADD COLUMN peak_memory_bytes bigint;

-- What commands read. Apart from tasks, so that it is read piece by piece and only when it is needed.
CREATE TABLE task_stdin (
  task_id uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  data    bytea NOT NULL
);
-- Not compressed: a piece from the middle is then read without what comes before it.
ALTER TABLE task_stdin ALTER COLUMN data SET STORAGE EXTERNAL;

-- What commands wrote, in pieces, in the order it was read. A piece is part of stdout, of stderr, or of both in turn.
-- Positions count all bytes that the attempt wrote, both streams together, those that were not kept included: a gap
-- between two pieces is what was dropped, and the last piece ends where the output does.
CREATE TABLE output_chunks (
  task_id    uuid      NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  attempt    integer   NOT NULL,
  start_at   bigint    NOT NULL CHECK (start_at >= 0),
  data       bytea     NOT NULL,
  segments   integer[] NOT NULL,                             -- lengths in turn: above 0 of stdout, below 0 of stderr
  stdout_end bigint    NOT NULL CHECK (stdout_end >= 0),     -- bytes written to stdout up to the end of this piece
  stderr_end bigint    NOT NULL CHECK (stderr_end >= 0),
  PRIMARY KEY (task_id, attempt, start_at),
  CHECK (start_at + octet_length(data) = stdout_end + stderr_end)
);

INSERT INTO output_chunks (task_id, attempt, start_at, data, segments, stdout_end, stderr_end)
SELECT task_id, attempt, 0, stdout || stderr,
  array_remove(ARRAY[octet_length(stdout), -octet_length(stderr)], 0), octet_length(stdout), octet_length(stderr)
FROM outputs WHERE octet_length(stdout) + octet_length(stderr) > 0;
-- The end, where something was dropped.
INSERT INTO output_chunks (task_id, attempt, start_at, data, segments, stdout_end, stderr_end)
SELECT task_id, attempt, stdout_bytes + stderr_bytes, '', '{}', stdout_bytes, stderr_bytes
FROM outputs WHERE stdout_bytes + stderr_bytes > octet_length(stdout) + octet_length(stderr);
DROP TABLE outputs;

ALTER TABLE workers
  ADD COLUMN drain_timeout_ms bigint CHECK (drain_timeout_ms >= 0); -- after that what still runs is handed back
