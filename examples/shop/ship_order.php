<?php
// Says that an order is on its way: adds ORDER_SHIPPED to the stream.
//
//     php ship_order.php 12345 SF1234567890123
//
// Redis is at REDIS_HOST and REDIS_PORT, 127.0.0.1 and 6379 where those are not set.

$number = $argv[1] ?? '12345';
$parcel = $argv[2] ?? 'SF1234567890123';

// What the e-mail to the customer tells has to be in the event: handlers know no more than that.
$shipment = [
    'order_id' => $number,
    'customer' => ['name' => '王小明', 'email' => 'xiaoming@example.com'],
    'carrier' => '顺丰速运',
    'tracking_number' => $parcel,
];

try {
    $redis = new Redis();
    $redis->connect(getenv('REDIS_HOST') ?: '127.0.0.1', (int) (getenv('REDIS_PORT') ?: 6379), 2.0);
    $id = $redis->xAdd('event_stream', '*', [
        'event' => 'ORDER_SHIPPED',
        'event_id' => "shipped-$number-$parcel",
        'aggregate_id' => $number,
        'data' => json_encode($shipment, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
    ]);
    if ($id === false) {
        throw new RuntimeException($redis->getLastError() ?? 'no answer');
    }
} catch (Exception $error) {
    fwrite(STDERR, "The shipment was not added: {$error->getMessage()}\n");
    exit(1);
}
echo "$id\n";
