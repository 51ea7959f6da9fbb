// node judge.js ASYNCAPI_YAML...: what the official parser and a JSON Schema validator say about each, as one line of JSON.
'use strict';

const path = require('node:path');
const { Parser, fromFile } = require('@asyncapi/parser');
const Ajv = require('ajv').default;
const formats = require('ajv-formats').default;

async function judge(file) {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  const findings = diagnostics.map(({ severity, code, path: place, message }) => ({ severity, code, place: place.join('.'), message }));
  const examples = document ? document.allMessages().all().flatMap((message) => misfits(message, path.dirname(file))) : [];
  return { isDocument: document !== undefined, findings, examples };
}

// Each example of a message against the schema in its own file, as any reader of the folder would use it.
function misfits(message, folder) {
  const ajv = formats(new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }));
  return message.examples().all().map((example) => {
    const schema = require(path.join(folder, 'schemas', `${message.name()}.json`));
    const fits = ajv.validate(schema, example.payload());
    ajv.removeSchema();
    return { message: message.name(), example: example.name(), fits, errors: ajv.errors };
  });
}

async function main() {
  const verdicts = [];
  for (const file of process.argv.slice(2)) verdicts.push(await judge(path.resolve(file)));
  console.log(JSON.stringify(verdicts));
}

main();
