package main

import (
	"crypto/sha256"
	"encoding/hex"
	"log"
	"net/http"
	"os"
	"sync"
)

var (
	mu    sync.Mutex
	seal  = []byte("begin")
	whole = os.Getenv("SEAL_APART") == ""
)

func press() string {
	sum := sha256.Sum256(seal)
	for i := 0; i < 40000; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

func stamp(w http.ResponseWriter, r *http.Request) {
	if whole {
		mu.Lock()
		defer mu.Unlock()
	}
	w.Write([]byte(press()))
}

func main() {
	http.HandleFunc("/stamp", stamp)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
