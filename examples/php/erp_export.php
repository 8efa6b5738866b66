<?php
// Writes each order as a file that an ERP picks up. The file gets its name when it is whole, and the name comes of the event,
// so an event that comes twice writes the same file again.

require __DIR__ . '/millrace.php';

millrace(function (array $event) {
    $directory = getenv('ERP_DIR') ?: 'erp';
    $order = $event['data'];
    if (!isset($order['order_id'], $order['items'])) {
        throw new MillracePermanent('no order: order_id or items are missing');
    }
    $lines = [['order', 'sku', 'quantity', 'price']];
    foreach ($order['items'] as $item) {
        $lines[] = [$order['order_id'], $item['sku'] ?? $item['product_id'], $item['quantity'], $item['price'] ?? ''];
    }
    if (!is_dir($directory)) {
        throw new MillraceRetry("$directory is not there: is the share mounted?", 60);
    }
    $csv = fopen('php://memory', 'w+');
    foreach ($lines as $line) {
        fputcsv($csv, $line, ',', '"', '');
    }
    $size = ftell($csv);
    rewind($csv);
    $name = 'order-' . hash('sha256', $event['event_id']) . '.csv';
    $part = tempnam($directory, '.part');
    // On a full disk fewer bytes are written, or none: then there must be no file.
    if (@file_put_contents($part, $csv) !== $size || !chmod($part, 0644) || !rename($part, "$directory/$name")) {
        @unlink($part);
        throw new RuntimeException("cannot write $directory/$name: is the disk full?");
    }
    return $name;
});
