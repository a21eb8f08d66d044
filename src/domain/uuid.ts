/** Ids of tasks as text, in either case; PostgreSQL stores them as `uuid`. */
export const UUID_PATTERN = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';
export const UUID_HINT = 'give a UUID such as 01956c3e-7b1a-7c3d-9e4f-0123456789ab';
