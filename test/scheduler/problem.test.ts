import { describe, expect, test } from 'vitest';
import { HydraError, invalidArgument, MAX_FAULTS, type FaultCode } from '../../src/domain/errors.ts';
import { HttpFault, toProblem } from '../../src/scheduler/problem.ts';

const coded = (code: string, message = 'no') => Object.assign(new Error(message), { code });
const statusOf = (error: unknown) => toProblem(error, 'req-1').problem.status;

describe('toProblem', () => {
  const codes: Record<FaultCode, number> = { invalid_argument: 400, not_found: 404, conflict: 409, unavailable: 503 };

  test.each(Object.entries(codes) as [FaultCode, number][])('makes %s a %i', (code, status) => {
    const { problem } = toProblem(new HydraError(code, 'why'), 'req-1');
    expect(problem).toMatchObject({ type: 'about:blank', status, code, detail: 'why', errors: [] });
    expect(problem.title).not.toBe('Error');
  });

  test('says when to try again, and only then', () => {
    for (const error of [new HydraError('unavailable', 'away'), coded('ECONNREFUSED'), coded('42P01')]) {
      expect(toProblem(error, 'req-1').headers['retry-after']).toMatch(/^\d+$/);
    }
    expect(toProblem(new HydraError('conflict', 'no'), 'req-1').headers).toEqual({});
  });

  test.each([
    ['a refused connection', coded('ECONNREFUSED'), 'connection refused'],
    [
      'a connection for none of the addresses',
      new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]),
      'connection refused',
    ],
    ['a lost connection', new Error('Connection terminated unexpectedly'), 'the connection broke'],
    ['a pool that is exhausted', new Error('timeout exceeded when trying to connect'), 'no connection became free'],
    ['a shutdown', coded('57P01'), 'the server has ended the connection (57P01)'],
    ['a start', coded('57P03'), 'the server is starting up or shutting down (57P03)'],
    ['too many connections', coded('53300'), 'too many connections (53300)'],
    ['a full disk', coded('53100'), 'its disk is full (53100)'],
    ['a read-only standby', coded('25006'), 'read-only: a failover is under way (25006)'],
    ['a cancelled statement', coded('57014'), 'the statement took too long (57014)'],
    ['a deadlock', coded('40P01'), 'a deadlock (40P01)'],
  ])('makes %s "PostgreSQL is unavailable", and says why', (_, error, why) => {
    expect(toProblem(error, 'req-1').problem).toMatchObject({
      status: 503,
      detail: `PostgreSQL is unavailable: ${why}; try again`,
    });
  });

  test.each([
    ['42P01', 'a table is missing (42P01); run: hydra migrate'],
    ['42501', 'a permission is missing (42501)'],
    ['28P01', 'the password is wrong (28P01)'],
    ['3D000', 'the database does not exist (3D000)'],
  ])('makes %s "PostgreSQL cannot be used", and asks to be left alone for longer', (code, why) => {
    const { headers, problem } = toProblem(coded(code, 'secret'), 'req-1');
    expect(problem).toMatchObject({ status: 503, detail: `PostgreSQL cannot be used: ${why}` });
    expect(headers).toEqual({ 'retry-after': '30' });
  });

  test('passes on what HTTP alone knows', () => {
    const fault = new HttpFault(405, 'method_not_allowed', 'no', [], { allow: 'GET' });
    expect(toProblem(fault, 'req-1')).toMatchObject({
      problem: { status: 405, title: 'Method Not Allowed' },
      headers: { allow: 'GET' },
    });
    expect(statusOf(Object.assign(new Error('no'), { statusCode: 418 }))).toBe(418);
  });

  test('makes anything else a defect, says nothing of it, and where to look for more', () => {
    for (const error of [
      new Error('password=secret'),
      coded('23514', 'secret'),
      'secret',
      null,
      undefined,
      { statusCode: 200 },
    ]) {
      const { problem } = toProblem(error, 'req-7');
      expect(problem).toMatchObject({ status: 500, code: 'internal', errors: [] });
      expect(problem.detail).toContain('req-7');
      expect(JSON.stringify(problem)).not.toContain('secret');
    }
  });

  test('sums up many faults, and says when there may be more', () => {
    const faults = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ field: `f${i}`, message: 'is wrong' }));
    const detail = (count: number) => toProblem(invalidArgument(faults(count)), 'req-1').problem.detail;
    expect(detail(1)).toBe('f0: is wrong');
    expect(detail(2)).toBe('2 faults, listed in errors');
    expect(detail(MAX_FAULTS)).toBe('100 faults, listed in errors; there may be more');
  });
});
