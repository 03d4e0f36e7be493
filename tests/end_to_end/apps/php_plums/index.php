<?php
// How many plums there are, asked of the tree that stands elsewhere.
if ($_SERVER["REQUEST_URI"] === "/up") {
    echo "ok";
    return;
}
$asked = stream_context_create(["http" => ["header" => "Connection: close"]]);
echo file_get_contents("http://127.0.0.1:" . getenv("TREE_PORT") . "/count", false, $asked);
