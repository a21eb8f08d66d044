import { NAME_HINT, NAME_PATTERN } from './lane.ts';
import { UUID_HINT, UUID_PATTERN } from './uuid.ts';

/** What texts that come from outside must look like. A pattern that a schema uses is listed at the end, with its hint. */

export const ENV_NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_]*$';
/** Of Linux (useradd) and macOS; a number would be an id, which names nobody. */
export const USER_PATTERN = '^[A-Za-z_][A-Za-z0-9._-]{0,31}$';
export const UMASK_PATTERN = '^[0-7]{3}$';
export const ABSOLUTE_PATH_PATTERN = '^/';
/** A program to be found in PATH, or its path. Neither takes arguments along. */
export const PROGRAM_PATTERN = '^(?:[A-Za-z0-9_][A-Za-z0-9._+-]*|/.*)$';
const EXIT_CODE = String.raw`(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])`;
export const EXIT_CODE_RANGE_PATTERN = `^${EXIT_CODE}-${EXIT_CODE}$`;
export const WORKER_ID_PATTERN = '^[A-Za-z0-9._:-]{1,128}$';

/** What would be right, as the second half of a sentence. */
export const PATTERN_HINTS: Readonly<Record<string, string>> = {
  [NAME_PATTERN]: NAME_HINT,
  [UUID_PATTERN]: UUID_HINT,
  [ENV_NAME_PATTERN]: 'give letters, digits and _, the first no digit',
  [USER_PATTERN]: 'give the name of a user, such as nobody',
  [UMASK_PATTERN]: 'give three octal digits, such as 027',
  [ABSOLUTE_PATH_PATTERN]: 'give an absolute path, such as /var/tmp',
  [PROGRAM_PATTERN]: 'give a program without arguments, such as bash or /bin/bash',
  [EXIT_CODE_RANGE_PATTERN]: 'give a code from 0 to 255 as a number, or a range such as "64-78"',
  [WORKER_ID_PATTERN]: 'give the id of a worker: 1 to 128 characters of A-Z a-z 0-9 . _ : -',
};
