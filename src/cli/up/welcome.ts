import type { ClusterDetails } from './cluster.ts';

/** What to try next. The commands are to be pasted as they stand, into any POSIX shell. */
export function welcome(details: ClusterDetails): string {
  const { restUrl, grpcAddress, workers, slots, dataFolder } = details;
  const total = workers * slots;
  return `
Hydra is ready: ${count(workers, 'worker')}, ${count(total, 'command')} at once.

  REST API   ${restUrl}   (OpenAPI: ${restUrl}/openapi.json)
  gRPC       ${grpcAddress}
  Data       ${dataFolder ?? 'in the PostgreSQL that was given'}

Run a command, and see what became of it:

  task=$(curl -s ${restUrl}/schedule -H 'content-type: application/json' -d '{"command": "echo hello from hydra"}')
  task=\${task##*'"task_id":"'}; task=\${task%%'"'*}; sleep 1
  curl -s ${restUrl}/schedule/$task; echo
  curl -s ${restUrl}/schedule/$task/output; echo

Stop with Ctrl-C.

`;
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
