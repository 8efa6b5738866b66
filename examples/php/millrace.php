<?php
// Hands events to a PHP function: millrace(function (array $event) { ... }); is a whole handler. The same file runs as a
// command, once for each event or persistent, under PHP-FPM, and as a webhook behind any web server. PHP 7.4 or newer.
//
// What the function returns is the result; an exception means that the event is tried again. What it prints goes to standard
// error (to the error log on the web), which is shown where the event fails.

/** The event can never succeed: it becomes a dead letter at once. */
class MillracePermanent extends RuntimeException {}

/** Try again after so many seconds. */
class MillraceRetry extends RuntimeException
{
    public int $seconds;

    public function __construct(string $message, int $seconds)
    {
        parent::__construct($message);
        $this->seconds = $seconds;
    }
}

function millrace(callable $handle): void
{
    ini_set('html_errors', '0');
    PHP_SAPI === 'cli' ? millrace_command($handle) : millrace_web($handle);
}

function millrace_command(callable $handle): void
{
    $answers = fopen('php://stdout', 'w');
    fclose(STDOUT); // its number goes to the next file opened, so that whatever is printed goes to standard error
    $GLOBALS['STDOUT'] = fopen('php://stderr', 'w');
    ini_set('display_errors', 'stderr');
    ini_set('log_errors', '0');
    if (getenv('MILLRACE_MODE') === 'persistent') {
        while (($line = fgets(STDIN)) !== false) {
            fwrite($answers, millrace_json(millrace_answer($handle, $line)) . "\n");
        }
        return;
    }
    $answer = millrace_answer($handle, stream_get_contents(STDIN));
    fwrite($answers, millrace_json($answer) . "\n");
    fwrite(STDERR, $answer['error'] ?? '');
    exit(isset($answer['ok']) ? 0 : (isset($answer['permanent']) ? 65 : 75)); // EX_DATAERR, EX_TEMPFAIL of sysexits
}

/** What came of the event, as the protocol of persistent commands has it. */
function millrace_answer(callable $handle, string $json): array
{
    try {
        $event = json_decode($json, true, 512, JSON_BIGINT_AS_STRING);
        if (!is_array($event)) {
            throw new MillracePermanent('PHP cannot read the event: ' . json_last_error_msg());
        }
        $result = $handle($event);
        return ['ok' => true] + ($result === null ? [] : ['result' => $result]);
    } catch (MillracePermanent $e) {
        return ['error' => millrace_text($e), 'permanent' => true];
    } catch (MillraceRetry $e) {
        return ['error' => millrace_text($e), 'retry_after' => $e->seconds . 's'];
    } catch (Throwable $e) {
        return ['error' => millrace_text($e)];
    }
}

function millrace_text(Throwable $e): string
{
    return get_class($e) . ': ' . $e->getMessage() . ' in ' . basename($e->getFile()) . ':' . $e->getLine();
}

function millrace_json($value): string
{
    return json_encode($value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE
        | JSON_PARTIAL_OUTPUT_ON_ERROR);
}

/** The same for a request: CloudEvents 1.0, binary mode, with the answer as a status. */
function millrace_web(callable $handle): void
{
    $header = fn (string $name): string => rawurldecode($_SERVER['HTTP_' . $name] ?? '');
    $data = file_get_contents('php://input');
    $parsed = json_decode($data, true, 512, JSON_BIGINT_AS_STRING);
    $event = [
        'event' => $header('CE_TYPE'), 'event_id' => $header('CE_ID'),
        'data' => json_last_error() === JSON_ERROR_NONE ? $parsed : $data,
        'timestamp' => $header('CE_TIME'), 'aggregate_id' => $header('CE_SUBJECT'),
        'group' => explode(':', $header('IDEMPOTENCY_KEY'), 2)[0], 'deliveries' => (int) $header('MILLRACE_DELIVERIES'),
        'headers' => [],
    ];
    foreach ($_SERVER as $name => $value) {
        if (preg_match('/^HTTP_CE_(?!(?:TYPE|ID|TIME|SUBJECT|SOURCE|SPECVERSION)$)(.+)/', $name, $found)) {
            $event['headers'][strtolower($found[1])] = rawurldecode($value);
        }
    }
    ini_set('display_errors', '0');
    http_response_code(500); // stands where the function ends the request, or a fatal error does
    ob_start();
    $answer = millrace_answer(fn () => $handle($event), '{}');
    if ($printed = ob_get_clean()) {
        error_log($printed);
    }
    http_response_code(isset($answer['ok']) ? 200 : (isset($answer['permanent']) ? 422 : 503));
    if (isset($answer['retry_after'])) {
        header('Retry-After: ' . (int) $answer['retry_after']);
    }
    $text = $answer['error'] ?? $answer['result'] ?? '';
    header('Content-Type: ' . (is_string($text) ? 'text/plain; charset=utf-8' : 'application/json'));
    echo is_string($text) ? $text : millrace_json($text);
}
