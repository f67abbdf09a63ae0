// relay-compiler, with nothing forgiven: every warning of it is a failure.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { printSchema } from 'graphql';
import { serverSchema } from '../oracle/schema.mjs';

const require = createRequire(import.meta.url);
const COMPILER = join(dirname(require.resolve('relay-compiler/package.json')), 'cli.js');

const CONFIG = {
  src: './src',
  schema: './schema.graphql',
  language: 'typescript',
  artifactDirectory: './artifacts',
  eagerEsModules: true,
  noFutureProofEnums: true,
  requireCustomScalarTypes: true,
  customScalarTypes: { DateTime: 'string', Decimal: 'string', Long: 'number', JSON: 'unknown', Upload: 'File' },
};

test('relay-compiler compiles refetchable fragments, connections and updates', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lyceum-relay-'));
  try {
    await cp(new URL('./relay', import.meta.url), join(directory, 'src'), { recursive: true });
    await writeFile(join(directory, 'schema.graphql'), printSchema(await serverSchema()));
    await writeFile(join(directory, 'relay.config.json'), JSON.stringify(CONFIG));
    await cp(join(directory, 'src'), join(directory, 'artifacts'), { recursive: true, filter: from => !from.endsWith('.ts') });
    const run = promisify(execFile)(process.execPath, [COMPILER, '--repersist', 'relay.config.json'], { cwd: directory });
    const { stdout, stderr } = await run.catch(error => ({ stdout: error.stdout, stderr: `${error.stderr}\n${error.message}` }));
    const output = `${stdout}\n${stderr}`;
    assert.doesNotMatch(output, /error|warn|✖/i, output);
    const artifacts = await readdir(join(directory, 'artifacts'));
    for (const name of ['Course', 'User'].map(type => `components${type}RefetchQuery.graphql.ts`)) {
      assert.ok(artifacts.includes(name), `${name} is not among ${artifacts}`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
