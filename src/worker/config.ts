import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { makeExactValidator } from 'envalid';
import { DEFAULT_QUEUE, MAX_WORKER_LABELS, NAME_HINT, NAME_PATTERN, type Labels } from '../domain/lane.ts';
import { DEFAULT_OUTPUT_LIMIT_BYTES, MAX_OUTPUT_LIMIT_BYTES } from '../domain/run-options.ts';
import {
  integer,
  list,
  logVariables,
  milliseconds,
  pairs,
  port,
  readVariables,
  text,
  type Environment,
  type Variables,
} from '../runtime/config.ts';
import type { LogConfig } from '../runtime/logger.ts';

export interface WorkerConfig {
  readonly workerId: string;
  /** `host:port`; an IPv6 host is in brackets. At least one. */
  readonly coordinators: readonly string[];
  readonly slots: number;
  readonly labels: Labels;
  readonly queues: readonly string[];
  /** Bytes of output that are kept of an attempt whose task does not say. */
  readonly outputLimitBytes: number;
  /** Names of variables that commands get beside the base ones; `PREFIX_*` for all that begin with PREFIX_. */
  readonly passEnv: readonly string[];
  /** Path of the policy; `null`: every command is run. */
  readonly policyFile: string | null;
  /** Folder of the cgroup under which each attempt gets its own; `null`: without. */
  readonly cgroup: string | null;
  /** How long a worker that leaves waits for what it runs; `null`: until it ends. */
  readonly drainTimeoutMs: number | null;
  /** How many attempts it takes before it leaves; `null`: any number. */
  readonly maxTasks: number | null;
  /** How long it stays with nothing to do; `null`: for ever. */
  readonly idleExitMs: number | null;
  /** `null`: no health server. */
  readonly health: { readonly host: string; readonly port: number } | null;
  readonly log: LogConfig;
}

/** As proto/hydra/v1/session.proto says. */
const WORKER_ID_LENGTH = 128;
const WORKER_ID_PATTERN = new RegExp(`^[A-Za-z0-9._:-]{1,${WORKER_ID_LENGTH}}$`);

/** A year: longer than anybody means. */
const MAX_WAIT_MS = 366 * 24 * 60 * 60 * 1_000;

const addresses = makeExactValidator<readonly string[]>((input) => {
  const items = input.split(',').map((item) => item.trim());
  const wrong = items.find((item) => !isAddress(item));
  if (wrong !== undefined) {
    throw new Error(
      `has ${JSON.stringify(wrong)}; give host:port, several separated by commas, an IPv6 host in brackets: [::1]:5001`,
    );
  }
  return [...new Set(items)];
});

function isAddress(text: string): boolean {
  const {
    host = '',
    v6,
    portText = '',
  } = /^(?<host>\[(?<v6>[^\]]+)\]|[A-Za-z0-9._-]+):(?<portText>\d{1,5})$/.exec(text)?.groups ?? {};
  const portNumber = Number(portText);
  return host !== '' && (v6 === undefined || isIPv6(v6)) && portNumber >= 1 && portNumber <= 65_535;
}

export const workerVariables = {
  HYDRA_COORDINATORS: addresses({
    default: ['127.0.0.1:5001'],
    desc: 'All coordinators as host:port, separated by commas; a name stands for every address that it leads to.',
  }),
  HYDRA_WORKER_ID: text(
    WORKER_ID_PATTERN,
    `give 1 to ${WORKER_ID_LENGTH} characters of A-Z a-z 0-9 . _ : -`,
  )({
    default: undefined,
    desc: 'Name of the worker, unique in the cluster. Without it: the host name and 8 random hex digits.',
  }),
  HYDRA_SLOTS: integer(1, 10_000)({ default: 4, desc: 'How many commands the worker runs at once.' }),
  HYDRA_LABELS: pairs(
    new RegExp(NAME_PATTERN),
    MAX_WORKER_LABELS,
    `give key=value, several separated by commas; for each key and value ${NAME_HINT}`,
  )({
    default: {},
    desc: 'Labels of the worker as key=value, separated by commas. Tasks that require labels go only to workers that carry them.',
  }),
  HYDRA_QUEUES: list(
    new RegExp(`^\\*$|${NAME_PATTERN}`),
    `give * or queues separated by commas; for each ${NAME_HINT}`,
  )({
    default: [DEFAULT_QUEUE],
    desc: 'Queues the worker serves, separated by commas; * serves all.',
  }),
  HYDRA_OUTPUT_LIMIT_BYTES: integer(
    0,
    MAX_OUTPUT_LIMIT_BYTES,
  )({
    default: DEFAULT_OUTPUT_LIMIT_BYTES,
    desc: "Bytes kept of a command's output, the first and the last half; the rest is counted and dropped. A task may say another number.",
  }),
  HYDRA_PASS_ENV: list(
    /^[A-Za-z_][A-Za-z0-9_]*\*?$/,
    'give names of variables separated by commas, or PREFIX_* for all that begin with PREFIX_',
  )({
    default: [],
    desc: 'Variables of the worker that commands get, separated by commas; PREFIX_* for all that begin with PREFIX_. Of the others they get only PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_*, TZ and TMPDIR.',
  }),
  HYDRA_POLICY_FILE: text(
    /./,
    'give the path of a file',
  )({
    default: undefined,
    desc: 'JSON file with rules on which commands this worker runs. A guard rail against mistakes, not a sandbox: a command can do what a rule refuses in other words.',
  }),
  HYDRA_CGROUP: text(
    /^\//,
    'give an absolute path, such as /sys/fs/cgroup/hydra',
  )({
    default: undefined,
    desc: 'Folder of a cgroup (v2) that the worker may write to. Each attempt then gets a cgroup of its own in it, for its limits and for killing it. Without it limits hold for each process.',
  }),
  HYDRA_DRAIN_TIMEOUT_MS: milliseconds(
    0,
    MAX_WAIT_MS,
  )({
    default: undefined,
    desc: 'How long a worker that is told to leave waits for the commands it runs. Then it stops them and hands their tasks back. Without it: until they end.',
  }),
  HYDRA_MAX_TASKS: integer(
    1,
    1_000_000_000,
  )({
    default: undefined,
    desc: 'After taking so many tasks the worker finishes them and leaves, with exit status 0. Without it: it stays.',
  }),
  HYDRA_IDLE_EXIT_MS: milliseconds(
    1,
    MAX_WAIT_MS,
  )({
    default: undefined,
    desc: 'A worker that had nothing to do for so long leaves, with exit status 0. Without it: it stays.',
  }),
  HYDRA_HEALTH_HOST: text(
    /./,
    'give a host name or address',
  )({
    default: '127.0.0.1',
    desc: 'Where the health server listens.',
  }),
  HYDRA_HEALTH_PORT: port({
    default: undefined,
    desc: 'Port of /healthz, /readyz and /metrics; 0 takes a free one. Without it there is no health server.',
  }),
  ...logVariables,
} satisfies Variables;

/**
 * The configuration of a worker.
 * @throws ConfigError naming every variable that is wrong.
 */
export function readWorkerConfig(env: Environment): WorkerConfig {
  const vars = readVariables(env, workerVariables);
  return {
    workerId: vars.HYDRA_WORKER_ID ?? generateWorkerId(hostname()),
    coordinators: vars.HYDRA_COORDINATORS,
    slots: vars.HYDRA_SLOTS,
    labels: vars.HYDRA_LABELS,
    queues: vars.HYDRA_QUEUES,
    outputLimitBytes: vars.HYDRA_OUTPUT_LIMIT_BYTES,
    passEnv: vars.HYDRA_PASS_ENV,
    policyFile: vars.HYDRA_POLICY_FILE ?? null,
    cgroup: vars.HYDRA_CGROUP ?? null,
    drainTimeoutMs: vars.HYDRA_DRAIN_TIMEOUT_MS ?? null,
    maxTasks: vars.HYDRA_MAX_TASKS ?? null,
    idleExitMs: vars.HYDRA_IDLE_EXIT_MS ?? null,
    health:
      vars.HYDRA_HEALTH_PORT === undefined ? null : { host: vars.HYDRA_HEALTH_HOST, port: vars.HYDRA_HEALTH_PORT },
    log: { level: vars.HYDRA_LOG_LEVEL, format: vars.HYDRA_LOG_FORMAT },
  };
}

function generateWorkerId(host: string): string {
  const suffix = `-${randomBytes(4).toString('hex')}`;
  return host.replaceAll(/[^A-Za-z0-9._:-]/g, '-').slice(0, WORKER_ID_LENGTH - suffix.length) + suffix;
}
