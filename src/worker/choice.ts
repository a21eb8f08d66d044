import type { Answers } from './survey.ts';

/** A coordinator that serves workers, or may. */
interface Candidate {
  readonly address: string;
  /** Workers connected to it; an older one, which does not say, counts as having none. */
  readonly sessions: number;
}

/** The coordinator that a worker has a session with. */
export interface Own {
  readonly address: string;
  readonly coordinatorId: string;
}

/**
 * Where a worker without a session registers; `null`: nowhere. Those of `tried` have just failed: they are taken only
 * when no other one serves. `random` returns 0 ≤ x < 1.
 */
export function chooseAny(answers: Answers, tried: readonly string[], random: () => number): string | null {
  const all = candidates(answers, true);
  const untried = all.filter(({ address }) => !tried.includes(address));
  return pick(untried.length > 0 ? untried : all, random);
}

/**
 * Where a worker moves whose coordinator cannot reach PostgreSQL; `null`: nowhere. `desperate`: also to an older
 * version, which may not reach it either.
 */
export function chooseOther(answers: Answers, own: Own, desperate: boolean, random: () => number): string | null {
  const others = new Map([...answers].filter(([address, answer]) => !isOwn(address, answer, own)));
  return pick(candidates(others, desperate), random);
}

/** Where a worker moves so that coordinators have more equally many: one that has at least 2 fewer; `null`: nowhere. */
export function chooseFewer(answers: Answers, own: Own, random: () => number): string | null {
  const mine = answers.get(own.address);
  if (mine?.kind !== 'renewing') return null;
  return pick(
    candidates(answers, false).filter(({ sessions }) => sessions <= mine.sessions - 2),
    random,
  );
}

/** Whether the worker's own coordinator says that it reaches PostgreSQL. */
export function ownRenews(answers: Answers, own: Own): boolean {
  return [...answers].some(([address, answer]) => answer.kind === 'renewing' && isOwn(address, answer, own));
}

/** A name can lead to another coordinator than before, and a coordinator can have several addresses. */
function isOwn(address: string, answer: { kind: string; coordinatorId?: string }, own: Own): boolean {
  return answer.kind === 'renewing' ? answer.coordinatorId === own.coordinatorId : address === own.address;
}

/** One for each coordinator, however many addresses it has. */
function candidates(answers: Answers, withOlder: boolean): Candidate[] {
  const byCoordinator = new Map<string, Candidate>();
  for (const [address, answer] of answers) {
    if (answer.kind === 'renewing') byCoordinator.set(answer.coordinatorId, { address, sessions: answer.sessions });
    if (answer.kind === 'older' && withOlder) byCoordinator.set(address, { address, sessions: 0 });
  }
  return [...byCoordinator.values()];
}

/** At random, so that many workers who ask at the same moment do not all go to the same one: rather to the emptier. */
function pick(among: readonly Candidate[], random: () => number): string | null {
  const weights = among.map(({ sessions }) => 1 / (1 + sessions));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return among[i]?.address ?? null;
  }
  return among.at(-1)?.address ?? null;
}
