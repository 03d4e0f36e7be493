// Numbers the thorns of a hedge, and asks a shepherd about each.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

var (
	gate   sync.Mutex
	thorns int
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	ask    = "http://127.0.0.1:" + os.Getenv("SHEPHERD_PORT") + "/word"
)

func word() string {
	answer, err := client.Get(ask)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	return string(said)
}

func next(apart bool) (int, string) {
	gate.Lock()
	defer gate.Unlock()
	thorns++
	if apart {
		return thorns, ""
	}
	return thorns, word()
}

func main() {
	apart := os.Getenv("APART") == "yes"
	http.HandleFunc("/thorn", func(w http.ResponseWriter, r *http.Request) {
		number, said := next(apart)
		if apart {
			said = word()
		}
		fmt.Fprintln(w, number, said)
	})
	http.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
