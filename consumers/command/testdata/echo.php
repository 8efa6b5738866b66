<?php

require __DIR__ . '/../../../examples/php/millrace.php';

millrace(fn (array $event) => $event);
