<?php
// Tells a chat when an order leaves less than 10 pieces of a product, once a day for each product. ALERT_URL is the chat's
// incoming webhook.

require __DIR__ . '/millrace.php';

millrace(function (array $event) {
    static $redis = null;
    if ($redis === null) {
        $redis = new Redis();
        $redis->connect(getenv('REDIS_HOST') ?: '127.0.0.1', (int) (getenv('REDIS_PORT') ?: 6379), 2.0);
    }
    $told = [];
    foreach ($event['data']['items'] ?? [] as $item) {
        $product = (string) $item['product_id'];
        $left = $redis->hGet('stock', $product);
        $mark = 'alerted:' . date('Y-m-d') . ":$product";
        if ($left === false || $left >= 10 || $redis->exists($mark)) {
            continue;
        }
        post(getenv('ALERT_URL'), ['text' => "Only $left left of product $product"]);
        $redis->set($mark, '1', ['ex' => 86400]);
        $told[] = $product;
    }
    return $told ? 'told of ' . implode(', ', $told) : null;
});

function post(string $url, array $message): void
{
    $request = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($message),
        'timeout' => 5, 'ignore_errors' => true];
    $body = @file_get_contents($url, false, stream_context_create(['http' => $request]));
    $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
    if ($body === false || $status === 429 || $status >= 500) {
        throw new MillraceRetry("the chat answered $status", 30);
    }
    if ($status >= 300) {
        throw new MillracePermanent("the chat refused the message with $status");
    }
}
