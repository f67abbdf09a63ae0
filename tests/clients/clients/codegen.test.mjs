// graphql-codegen with the client preset, then the TypeScript compiler with
// every strict option.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generate } from '@graphql-codegen/cli';
import { printSchema } from 'graphql';
import { serverSchema } from '../oracle/schema.mjs';

const require = createRequire(import.meta.url);
const DIRECTORY = fileURLToPath(new URL('./codegen/', import.meta.url));
const GENERATED = join(DIRECTORY, '__generated__/');

function compiler() {
  const file = require.resolve('typescript/package.json');
  const { bin } = require(file);
  return join(dirname(file), bin.tsc);
}

test('generated types compile under strict TypeScript and mean what the server does', async () => {
  await rm(GENERATED, { recursive: true, force: true });
  const schema = `${GENERATED}schema.graphql`;
  await mkdir(GENERATED, { recursive: true });
  await writeFile(schema, printSchema(await serverSchema()));
  await generate({
    schema,
    documents: join(DIRECTORY, 'application.ts'),
    silent: true,
    errorsOnly: true,
    emitLegacyCommonJSImports: false,
    importExtension: '.js',
    generates: {
      [GENERATED]: {
        preset: 'client',
        presetConfig: { fragmentMasking: false },
        config: {
          strictScalars: true,
          useTypeImports: true,
          enumsAsTypes: true,
          scalars: { DateTime: 'string', Decimal: 'string', Long: 'number', JSON: 'unknown', Upload: 'File' },
        },
      },
    },
  }, true);
  const run = promisify(execFile)(process.execPath, [compiler(), '-p', DIRECTORY]);
  const { stdout } = await run.catch(error => error);
  assert.equal(stdout, '');
});
