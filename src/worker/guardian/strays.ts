import { TICK_SLACK, type ProcessEntry } from './process-entry.ts';
import { Ward } from './ward.ts';

interface Stray {
  readonly start: number;
  /** It may be what an attempt left behind that was allowed to. */
  spared: boolean;
}

export interface StraySight {
  readonly entries: readonly ProcessEntry[];
  /** Those `live` and `ending`. */
  readonly wards: Iterable<Ward>;
  /** Those `killed` and `spared` since the look before this one. */
  readonly past: readonly Ward[];
}

export interface Judgement {
  readonly adopted: readonly { readonly entry: ProcessEntry; readonly ward: Ward }[];
  /** Some were seen for the first time and wait for a second look. */
  readonly undecided: boolean;
  /** Those that some of them may belong to. */
  readonly undecidedOf: ReadonlySet<Ward>;
}

/**
 * Decides on processes that this worker started and no attempt claims: they cleared their environment and left their
 * session and their parents. Such a one belongs to an attempt that lived when it was born. It is let alone while any of
 * those lives, for good if any of those had leave to leave something behind, and is killed once they all have ended.
 */
export class Strays {
  #known = new Map<number, Stray>();
  /** Where strays go that no attempt can be held to account for. */
  readonly #killed = Ward.ended('killed');
  readonly #spared = Ward.ended('spared');
  #anySpared: boolean;

  /** `anySpared`: an attempt before this companion's time left something behind that may live. */
  constructor(options: { readonly anySpared: boolean }) {
    this.#anySpared = options.anySpared;
  }

  judge({ entries, wards, past }: StraySight): Judgement {
    const own = [...wards].filter((ward) => !ward.isLeftover);
    const sparing = [...own, ...past].filter(spares);
    if (sparing.length > 0) this.#anySpared = true;
    const known = new Map<number, Stray>();
    const adopted: { entry: ProcessEntry; ward: Ward }[] = [];
    let undecided = false;
    const undecidedOf = new Set<Ward>();
    for (const entry of entries) {
      const before = this.#known.get(entry.pid);
      const isNew = before?.start !== entry.start;
      const stray: Stray = isNew ? { start: entry.start, spared: this.#isOfUnknownPast(entry, own, past) } : before;
      known.set(entry.pid, stray);
      if (sparing.some((ward) => livedAtBirthOf(entry, ward))) stray.spared = true;

      const suspects = own.filter((ward) => livedAtBirthOf(entry, ward));
      if (suspects.some(({ state }) => state === 'live')) continue;
      if (stray.spared) adopted.push({ entry, ward: this.#spared });
      else if (isNew) {
        // It may be of an attempt that has just begun and was not heard of yet: it is by the second look.
        undecided = true;
        for (const ward of suspects) undecidedOf.add(ward);
      } else adopted.push({ entry, ward: suspects.at(-1) ?? this.#killed });
    }
    this.#known = known;
    return { adopted, undecided, undecidedOf };
  }

  /** Born while no attempt lived that is known of: by something that was spared, if anything was. */
  #isOfUnknownPast(entry: ProcessEntry, own: readonly Ward[], past: readonly Ward[]): boolean {
    return this.#anySpared && ![...own, ...past].some((ward) => livedAtBirthOf(entry, ward));
  }
}

function spares(ward: Ward): boolean {
  return ward.state === 'spared' || ward.ending?.sparesBackground === true;
}

function livedAtBirthOf({ start }: ProcessEntry, ward: Ward): boolean {
  return ward.beganTick <= start + TICK_SLACK && start <= ward.endedTick + TICK_SLACK;
}
