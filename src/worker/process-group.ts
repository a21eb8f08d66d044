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
