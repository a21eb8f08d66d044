/**
 * Sends SIGKILL to every member of a process group. False: there is none left, or none that this process may signal
 * (a setuid program took another user's identity).
 */
export function killGroup(groupId: number): boolean {
  try {
    return process.kill(-groupId, 'SIGKILL');
  } catch {
    return false;
  }
}

/** Whether a process group has members, those included that have ended and that nobody has waited for. */
export function groupLives(groupId: number): boolean {
  try {
    return process.kill(-groupId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
