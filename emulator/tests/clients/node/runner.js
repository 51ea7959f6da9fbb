// Runs every feature's check in a project of its own, several at once, each within a time limit.
'use strict';

const {Scene} = require('./scene');

const AT_ONCE = 8;
const features = new Map();

/** Declares the check of a feature: a function of a scene, which throws if the emulator does not behave. */
function feature(name, check, seconds = 20) {
  if (features.has(name)) throw new Error(`${name} is there twice`);
  features.set(name, {name, check, seconds});
}

/** What waits longest starts first, so that the whole takes little longer than its longest part. */
async function run(names) {
  const chosen = [...features.values()].filter(one => names.length === 0 || names.includes(one.name));
  chosen.sort((one, other) => other.seconds - one.seconds);
  const work = async () => {
    while (chosen.length > 0) await report(chosen.shift());
  };
  await Promise.all(Array.from({length: AT_ONCE}, work));
  process.exit(0); // a check that ran over its time still holds streams
}

async function report({name, check, seconds}) {
  const begun = Date.now();
  const fault = await outcome(new Scene(name), check, seconds);
  const line = {feature: name, client: 'node', ok: fault === '', detail: fault, ms: Date.now() - begun};
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function outcome(scene, check, seconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([check(scene), late]);
    return '';
  } catch (error) {
    return String(error && error.message ? error.message : error).slice(0, 400) || 'failed';
  } finally {
    clearTimeout(timer);
    scene.close();
  }
}

process.on('unhandledRejection', () => {}); // of a check that is over

module.exports = {feature, run};
