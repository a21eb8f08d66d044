import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/*
 * The wire of the release before, as its .proto files were. At each release, once its tag is set, replace the files of
 * test/rpc/previous-wire by those of proto/hydra/v1.
 */

const file = (folder: string, name: string) => fileURLToPath(new URL(join(folder, name), import.meta.url));

const files = (folder: string) => ['session.proto', 'debug.proto'].map((name) => file(folder, name));

export const PREVIOUS_FILES = files('../previous-wire');
export const CURRENT_FILES = files('../../../proto/hydra/v1');

interface PreviousServices {
  readonly hydra: { readonly v1: { readonly Coordinator: ServiceClientConstructor } };
}

/** `hydra.v1.Coordinator` as a program of the release before knows it. */
export function previousCoordinator(): ServiceClientConstructor {
  const definition = loadSync(PREVIOUS_FILES, {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    arrays: true,
    oneofs: true,
  });
  return (loadPackageDefinition(definition) as unknown as PreviousServices).hydra.v1.Coordinator;
}
