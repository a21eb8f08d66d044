import { open, type FileHandle } from 'node:fs/promises';
import type { AcceptedTask } from './events.ts';

/** What the client was told, on disk before it goes on. */
export class Journal {
  readonly accepted: AcceptedTask[] = [];

  private constructor(private readonly file: FileHandle) {}

  static async open(path: string): Promise<Journal> {
    return new Journal(await open(path, 'a'));
  }

  async add(tasks: readonly AcceptedTask[]): Promise<void> {
    this.accepted.push(...tasks);
    await this.file.appendFile(tasks.map((task) => `${JSON.stringify(task)}\n`).join(''));
    await this.file.datasync();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
