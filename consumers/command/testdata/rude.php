<?php
// Does whatever spoils a protocol, as its events ask for.

require __DIR__ . '/../../../examples/php/millrace.php';

millrace(function (array $event) {
    echo '{"ok":true,"result":"printed"}', "\n";
    print('{"error":"printed"}' . "\n");
    var_dump($event['event_id']);
    system('echo from a child');
    error_log("to the log");
    file_put_contents('php://output', "to the output\n");
    switch ($event['data']['do'] ?? '') {
        case 'throw':
            throw new DomainException("it failed\n\xff");
        case 'error':
            return undefined_function();
        case 'warning':
            return [][1] ?? $undefined;
        case 'permanent':
            throw new MillracePermanent('never');
        case 'later':
            throw new MillraceRetry('not now', 90);
        case 'exit':
            exit(0);
        case 'memory':
            ini_set('memory_limit', '8M');
            return str_repeat('x', 1 << 30);
        case 'bytes':
            return "a\xffb";
        case 'array':
            return ['booked' => 1.5, 'name' => '王', 'path' => 'a/b'];
        case 'false':
            return false;
        case 'large':
            return $event['data']['number'];
    }
});
