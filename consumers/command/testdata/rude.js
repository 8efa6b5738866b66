'use strict';

const millrace = require('../../../examples/node/millrace');

millrace.run(async (event) => {
  console.log('{"ok":true,"result":"printed"}');
  process.stdout.write('{"error":"printed"}\n');
  await new Promise((resolve) => setTimeout(resolve, 1));
  switch (event.data.do) {
    case 'throw':
      throw new RangeError('it failed\n\ud83d');
    case 'permanent':
      throw new millrace.Permanent('never');
    case 'later':
      throw new millrace.Retry('not now', 90);
    case 'exit':
      process.exit(0);
    case 'array':
      return { booked: 1.5, name: '王', path: 'a/b' };
    case 'false':
      return false;
    case 'unfit':
      return { toJSON() { throw new millrace.Permanent('no JSON'); } };
    case 'separators':
      return event.data.text.length;
  }
});
