<?php
// The benchmark's handler: it does little, as many do, and writes the event's ID into a journal, so that it can be checked
// that each event came once.

require __DIR__ . '/millrace.php';

millrace(function (array $event) {
    static $journal = null; // opened once, for as long as the process lives
    $journal ??= fopen(__DIR__ . '/journal', 'a');
    $order = $event['data'];
    $points = (int) floor((float) $order['total']);
    if (fwrite($journal, $event['event_id'] . "\n") === false) {
        throw new RuntimeException('the journal cannot be written');
    }
    return "$points points for {$order['customer']}";
});
