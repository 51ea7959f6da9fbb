// Judges a Pub/Sub emulator with Google's own client: node FOLDER/main.js [FEATURE...], with PUBSUB_EMULATOR_HOST set and
// the client in NODE_PATH. Prints a line of JSON a feature, as the checks in Python do.
'use strict';

process.env.METADATA_SERVER_DETECTION ??= 'none'; // there is no Google to ask for a project

require('./publishing');
require('./streaming');
require('./ordering');
require('./exactly_once');
require('./routing');
require('./replay');
require('./schemas');
require('./resources');

require('./runner').run(process.argv.slice(2));
