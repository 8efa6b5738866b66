<?php
// Does what the event's data asks for, so that every way in which a script can end is seen.
$event = json_decode(file_get_contents('php://input'), true);
switch ($event['do'] ?? '') {
    case 'show':
        foreach ($event['names'] as $name) {
            echo $name, '=', $_SERVER[$name] ?? '(none)', "\n";
        }
        break;
    case 'status':
        http_response_code($event['status']);
        header('Retry-After: 120');
        echo $event['text'];
        break;
    case 'redirect':
        header('Location: /elsewhere?token=hidden');
        break;
    case 'throw':
        throw new RuntimeException('no such shop');
    case 'note':
        error_log('nothing to worry about');
        echo 'booked';
        break;
    case 'book':
        file_put_contents($event['file'], $_SERVER['HTTP_IDEMPOTENCY_KEY'] . "\n", FILE_APPEND | LOCK_EX);
        break;
    case 'size':
        echo strlen($event['text']);
        break;
    case 'print':
        echo str_repeat('x', $event['bytes']);
        break;
    case 'print first':
        echo str_repeat('x', 1 << 20);
        flush();
        echo strlen(file_get_contents('php://input'));
        break;
    case 'die':
        exec('kill -9 ' . getmypid());
        sleep(10);
        break;
    case 'sleep':
        sleep(30);
        break;
    case 'who':
        echo getmypid();
        break;
}
