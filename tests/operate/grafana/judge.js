// node judge.js DASHBOARD_JSON...: what Grafana's own types say about each, as one line of JSON.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const ts = require('typescript');

const types = path.join(path.dirname(require.resolve('@grafana/schema')), '../types/raw/dashboard/x/types.gen');

// As a literal of the type, so that unknown fields are found, too.
function judge(file, folder) {
  const literal = `import type { Dashboard } from ${JSON.stringify(types)};\nexport const dashboard: Dashboard = ${fs.readFileSync(file, 'utf8')};\n`;
  const source = path.join(folder, 'dashboard.ts');
  fs.writeFileSync(source, literal);
  const program = ts.createProgram([source], {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'grafana-'));
const verdicts = process.argv.slice(2).map((file) => judge(path.resolve(file), folder));
fs.rmSync(folder, { recursive: true });
console.log(JSON.stringify(verdicts));
