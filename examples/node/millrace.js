// Hands events to a JavaScript function: millrace.run(async (event) => { ... }) is a whole handler. Node.js 14 or newer.
//
// What the function returns is the result; an error means that the event is tried again. What console.log prints goes to
// standard error, which is shown where the event fails.
'use strict';

const fs = require('fs');
const readline = require('readline');

/** The event can never succeed: it becomes a dead letter at once. */
class Permanent extends Error {}

/** Try again after so many seconds. */
class Retry extends Error {
  constructor(message, seconds) {
    super(message);
    this.seconds = seconds;
  }
}

async function answer(handle, line) {
  try {
    const result = await handle(parse(line));
    JSON.stringify(result); // or it is no result
    return result === undefined ? { ok: true } : { ok: true, result };
  } catch (fault) {
    const error = String(fault);
    if (fault instanceof Permanent) return { error, permanent: true };
    if (fault instanceof Retry) return { error, retry_after: `${fault.seconds}s` };
    return { error };
  }
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch (fault) {
    throw new Permanent(`Node.js cannot read the event: ${fault.name}`);
  }
}

async function run(handle) {
  Object.defineProperty(process, 'stdout', { value: process.stderr });
  const write = (said) => fs.writeSync(1, JSON.stringify(said) + '\n');
  if (process.env.MILLRACE_MODE === 'persistent') {
    for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      write(await answer(handle, line));
    }
    process.exit(0);
  }
  const said = await answer(handle, fs.readFileSync(0, 'utf8'));
  write(said);
  fs.writeSync(2, said.error || '');
  process.exit(said.ok ? 0 : said.permanent ? 65 : 75); // EX_DATAERR, EX_TEMPFAIL of sysexits
}

module.exports = { run, Permanent, Retry };
