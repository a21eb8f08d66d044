import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { faultFinder } from '../../src/domain/schema-faults.ts';
import { Words } from '../../src/domain/words.ts';

const closed = { additionalProperties: false };
const Shape = Type.Unsafe<unknown>({
  anyOf: [
    Type.Object({ kind: Type.Literal('circle'), radius: Type.Integer({ minimum: 1, maximum: 9 }) }, closed),
    Type.Object({ kind: Words(['square', 'triangle']), side: Type.Integer(), name: Type.String() }, closed),
  ],
  examples: [{ kind: 'circle', radius: 1 }],
});
const find = faultFinder(
  Type.Object(
    {
      shape: Type.Optional(Shape),
      shapes: Type.Optional(Type.Array(Shape)),
      secret: Type.Optional(Type.Array(Type.String(), { writeOnly: true })),
    },
    closed,
  ),
);
const faults = (value: unknown, root?: string) =>
  Object.fromEntries(find(value, root).map(({ field, message }) => [field, message]));

describe('what is one of several kinds of object', () => {
  test.each([
    [{ kind: 'circle', radius: 3 }, {}],
    [{ kind: 'triangle', side: 3, name: 'x' }, {}],
    [5, { shape: 'is the number 5; give a JSON object such as {"kind":"circle","radius":1}' }],
    [null, { shape: 'is null; give a JSON object such as {"kind":"circle","radius":1}' }],
    [[], { shape: 'is an array; give a JSON object such as {"kind":"circle","radius":1}' }],
    [{}, { 'shape.kind': 'is missing; give one of circle, square, triangle' }],
    [{ radius: 100 }, { 'shape.kind': 'is missing; give one of circle, square, triangle' }],
    [
      { kind: 'circel' },
      { 'shape.kind': '"circel" is not possible; did you mean circle? give one of circle, square, triangle' },
    ],
    [{ kind: 5 }, { 'shape.kind': 'is the number 5; give one of circle, square, triangle' }],
    [{ kind: {} }, { 'shape.kind': 'is an object; give one of circle, square, triangle' }],
    [{ kind: 'circle', radius: 10 }, { 'shape.radius': 'is 10; give a whole number from 1 to 9' }],
    [{ kind: 'circle', radius: 1, side: 1 }, { 'shape.side': 'is not a known field; known fields are kind, radius' }],
    [
      { kind: 'square', radius: 1 },
      {
        'shape.side': 'is missing; give a whole number',
        'shape.name': 'is missing; give a string',
        'shape.radius': 'is not a known field; known fields are kind, side, name',
      },
    ],
  ])('is told of the kind that was meant: %j', (shape, expected) => {
    expect(faults({ shape })).toEqual(expected);
  });

  test('has its place in lists, and under the name of the whole', () => {
    const shapes = [{ kind: 'circle', radius: 3 }, { kind: 'circle', radius: 0 }, {}];
    expect(faults({ shapes }, 'tasks[7]')).toEqual({
      'tasks[7].shapes[1].radius': 'is 0; give a whole number from 1 to 9',
      'tasks[7].shapes[2].kind': 'is missing; give one of circle, square, triangle',
    });
  });

  test('has faults also when there are more of them than are looked at', () => {
    const found = find({ shapes: Array.from({ length: 1_000 }, () => ({ kind: 'square', a: 1, b: 2, c: 3 })) });
    expect(found.length).toBeGreaterThan(5);
    expect(found[0]?.field).toMatch(/^shapes\[0\]\./);
  });

  test('must have a property that tells the kinds apart', () => {
    const ambiguous = faultFinder(
      Type.Unsafe({ anyOf: [Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })] }),
    );
    expect(() => ambiguous({})).toThrow('no property tells apart');
  });
});

describe('what is not to be shown', () => {
  test.each([
    ['hunter2', { secret: 'is a string; give an array' }],
    [[7_777], { 'secret[0]': 'is a number; give a string' }],
    [[['hunter2']], { 'secret[0]': 'is an array; give a string' }],
    [[true], { 'secret[0]': 'is a boolean; give a string' }],
  ])('is not in a fault: %j', (secret, expected) => {
    expect(faults({ secret })).toEqual(expected);
  });
});
