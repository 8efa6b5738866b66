<?php
// Places an order, as a shop does when its customer has paid: adds NEW_ORDER_RECEIVED to the stream.
//
//     php place_order.php 12345
//
// Redis is at REDIS_HOST and REDIS_PORT, 127.0.0.1 and 6379 where those are not set.

$number = $argv[1] ?? '12345';

$order = [
    'order_id' => $number,
    'customer_id' => 67890,
    'customer' => ['name' => '王小明', 'phone' => '138-0000-1234', 'email' => 'xiaoming@example.com'],
    'shipping_address' => [
        'name' => '王小明',
        'phone' => '138-0000-1234',
        'line1' => '文三路138号东方大厦1203室',
        'district' => '西湖区',
        'city' => '杭州市',
        'state' => '浙江省',
        'postal_code' => '310012',
        'country' => '中国',
    ],
    'items' => [
        ['product_id' => 1, 'sku' => 'POT-250', 'title' => '紫砂茶壶', 'quantity' => 2, 'price' => '268.00'],
        ['product_id' => 2, 'sku' => 'TEA-100', 'title' => '西湖龙井 100g', 'quantity' => 1, 'price' => '88.00'],
    ],
    'currency' => 'CNY',
    'total' => '624.00',
    'notes' => '请在工作日送货',
    'created_at' => date(DATE_ATOM),
];

try {
    $redis = new Redis();
    $redis->connect(getenv('REDIS_HOST') ?: '127.0.0.1', (int) (getenv('REDIS_PORT') ?: 6379), 2.0);
    // With the same event_id the order can be added again after an error: every handler knows it by that.
    $id = $redis->xAdd('event_stream', '*', [
        'event' => 'NEW_ORDER_RECEIVED',
        'event_id' => "order-$number",
        'aggregate_id' => $number,
        'data' => json_encode($order, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
    ]);
    if ($id === false) {
        throw new RuntimeException($redis->getLastError() ?? 'no answer');
    }
} catch (Exception $error) {
    fwrite(STDERR, "The order was not added: {$error->getMessage()}\n");
    exit(1);
}
echo "$id\n";
