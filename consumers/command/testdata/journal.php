<?php
// Notes each event and who handled it in the file that JOURNAL names, and takes a moment, so that there is a middle in which it can be killed.

require __DIR__ . '/../../../examples/php/millrace.php';

millrace(function (array $event) {
    usleep(random_int(0, 2000));
    file_put_contents(getenv('JOURNAL'), $event['event_id'] . ' ' . getmypid() . "\n", FILE_APPEND);
    usleep(random_int(0, 2000));
});
