import protobuf, { type NamespaceBase } from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { incompatibilities, readProto } from './support/compatibility.ts';
import { CURRENT_FILES, PREVIOUS_FILES } from './support/previous-wire.ts';

test('whoever speaks the wire of the release before is understood', () => {
  expect(incompatibilities(readProto(...PREVIOUS_FILES), readProto(...CURRENT_FILES))).toEqual([]);
});

/** A tree of descriptors as plain objects, to be falsified. */
type Tree = Record<string, unknown>;

const previous = readProto(...PREVIOUS_FILES);
const treeOf = (value: unknown) => value as Tree;
const entries = (value: unknown): [string, Tree][] => Object.entries((value ?? {}) as Record<string, Tree>);

/** The previous wire with one thing changed, and the name under which that must be found. */
interface Falsified {
  readonly what: string;
  readonly name: string;
  readonly root: () => NamespaceBase;
}

/** Everything of a kind that can be reached, each falsified on its own in a copy of the tree. */
function falsify(what: string, falsifications: (tree: Tree) => Map<string, () => void>): Falsified[] {
  const copy = () => treeOf(structuredClone(previous.toJSON()));
  return [...falsifications(copy()).keys()].map((name) => ({
    what,
    name,
    root: () => {
      const tree = copy();
      falsifications(tree).get(name)!();
      return protobuf.Root.fromJSON(tree).resolveAll();
    },
  }));
}

/** Calls `visit` with each namespace, message, enum and service, and its full name. */
function walk(
  tree: Tree,
  visit: (name: string, node: Tree, siblings: Tree) => void,
  path: readonly string[] = [],
): void {
  for (const [name, node] of entries(tree.nested)) {
    visit([...path, name].join('.'), node, treeOf(tree.nested));
    walk(node, visit, [...path, name]);
  }
}

const eachField = (falsified: (field: Tree, fields: Tree, name: string, message: Tree) => (() => void) | null) =>
  eachOf('fields', falsified);

function eachOf(
  kind: 'fields' | 'methods' | 'values',
  falsified: (node: Tree, siblings: Tree, name: string, parent: Tree) => (() => void) | null,
) {
  return (tree: Tree) => {
    const all = new Map<string, () => void>();
    walk(tree, (parentName, parent) => {
      for (const [name, node] of entries(parent[kind])) {
        const change = falsified(node, treeOf(parent[kind]), name, parent);
        if (change !== null) all.set(`${parentName}${kind === 'methods' ? '/' : '.'}${name}`, change);
      }
    });
    return all;
  };
}

const oneofOf = (message: Tree, field: string) =>
  entries(message.oneofs).find(([, { oneof }]) => (oneof as string[]).includes(field))?.[1];

const falsified: Falsified[] = [
  ...falsify(
    'a field is gone',
    eachField((_, fields, name, message) => () => {
      const oneof = oneofOf(message, name);
      if (oneof !== undefined) oneof.oneof = (oneof.oneof as string[]).filter((field) => field !== name);
      Reflect.deleteProperty(fields, name);
    }),
  ),
  ...falsify(
    'a field has another number',
    eachField((field) => () => (field.id = Number(field.id) + 1_000)),
  ),
  ...falsify(
    'a field is of another type',
    eachField((field) => () => (field.type = field.type === 'bytes' ? 'string' : 'bytes')),
  ),
  ...falsify(
    'a field is repeated, or not any more',
    eachField((field, _, name, message) => {
      if (field.keyType !== undefined || oneofOf(message, name) !== undefined) return null;
      return () => {
        if (field.rule === 'repeated') delete field.rule;
        else field.rule = 'repeated';
      };
    }),
  ),
  ...falsify(
    'a field has left its oneof, or is not optional any more',
    eachField((_, _fields, name, message) => {
      const oneof = oneofOf(message, name);
      return oneof === undefined
        ? null
        : () => (oneof.oneof = (oneof.oneof as string[]).filter((field) => field !== name));
    }),
  ),
  ...falsify(
    'the keys of a map are of another type',
    eachField((field) => (field.keyType === undefined ? null : () => (field.keyType = 'int32'))),
  ),
  ...falsify(
    'a value of an enum is gone',
    eachOf('values', (_, values, name) => () => Reflect.deleteProperty(values, name)),
  ),
  ...falsify(
    'a value of an enum has another number',
    eachOf('values', (_, values, name) => () => (values[name] = Number(values[name]) + 1_000)),
  ),
  ...falsify(
    'a call is gone',
    eachOf('methods', (_, methods, name) => () => Reflect.deleteProperty(methods, name)),
  ),
  ...falsify(
    'a call streams otherwise',
    eachOf('methods', (method) => () => (method.responseStream = method.responseStream !== true)),
  ),
  ...falsify(
    'a call asks for something else',
    eachOf('methods', (method) => () => (method.requestType = 'Goodbye')),
  ),
  ...falsify(
    'a call answers something else',
    eachOf('methods', (method) => () => (method.responseType = 'Goodbye')),
  ),
  ...falsify('a service has another name', (tree) => {
    const all = new Map<string, () => void>();
    walk(tree, (name, node, siblings) => {
      if (node.methods === undefined) return;
      all.set(name, () => {
        const last = name.split('.').at(-1)!;
        siblings[`${last}2`] = node;
        Reflect.deleteProperty(siblings, last);
      });
    });
    return all;
  }),
  ...falsify('a number that was in use once is free again', (tree) => {
    const all = new Map<string, () => void>();
    walk(tree, (name, node) => {
      for (const [from] of (node.reserved ?? []) as [number, number][]) {
        all.set(`${name}, ${from}`, () => (node.reserved = []));
      }
    });
    return all;
  }),
];

describe('the check finds', () => {
  const kinds = [...new Set(falsified.map(({ what }) => what))];

  test.each(kinds)('that %s', (kind) => {
    const all = falsified.filter(({ what }) => what === kind);
    const overlooked = all.filter(({ name, root }) => {
      const found = incompatibilities(previous, root());
      return !found.some((line) => line.startsWith(`${name}: was `));
    });
    expect(all.length).toBeGreaterThan(0);
    expect(overlooked.map(({ name }) => name)).toEqual([]);
  });

  test('nothing where something was added', () => {
    const root = readProto(...PREVIOUS_FILES);
    protobuf.parse('syntax = "proto3"; package hydra.v1; message Added { string text = 1; }', root);
    root.lookupType('hydra.v1.Register').add(new protobuf.Field('added', 1_000, 'hydra.v1.Added'));
    root.lookupService('hydra.v1.Coordinator').add(new protobuf.Method('Add', 'rpc', 'Added', 'Added'));
    root.lookupEnum('hydra.v1.Reason').add('REASON_ADDED', 1_000);
    root.resolveAll();
    expect(incompatibilities(previous, root)).toEqual([]);
  });
});
