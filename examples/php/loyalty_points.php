<?php
// One point for each whole unit of money that an order is worth. The points of a customer are a Redis hash from event to
// points, so that an event that comes twice counts once: HVALS points:kim@example.com.

require __DIR__ . '/millrace.php';

millrace(function (array $event) {
    static $redis = null; // connected once, for as long as the process lives
    if ($redis === null) {
        $redis = new Redis();
        $redis->connect(getenv('REDIS_HOST') ?: '127.0.0.1', (int) (getenv('REDIS_PORT') ?: 6379), 2.0);
    }
    $order = $event['data'];
    $customer = $order['customer']['email'] ?? '';
    if ($customer === '') {
        throw new MillracePermanent('the order names no customer');
    }
    $worth = 0.0;
    foreach ($order['items'] ?? [] as $item) {
        $worth += $item['price'] * $item['quantity'];
    }
    $points = (int) floor($worth);
    $redis->hSetNx("points:$customer", $event['event_id'], (string) $points);
    return "$points points for $customer";
});
