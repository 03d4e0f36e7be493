// Tells what a journey costs, with the toll of today.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"time"
)

type fare struct {
	Toll  int `json:"toll"`
	Total int `json:"total"`
}

var (
	client *http.Client
	ask    = "http://127.0.0.1:" + os.Getenv("TOLL_PORT") + "/toll"
)

func today(miles int) (fare, error) {
	var one fare
	answer, err := client.Get(ask)
	if err != nil {
		return one, err
	}
	defer answer.Body.Close()
	err = json.NewDecoder(answer.Body).Decode(&one)
	one.Total = one.Toll + 3*miles
	return one, err
}

func main() {
	lanes, _ := strconv.Atoi(os.Getenv("LANES"))
	client = &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxConnsPerHost: lanes, MaxIdleConnsPerHost: lanes},
	}
	http.HandleFunc("/fare", func(w http.ResponseWriter, r *http.Request) {
		one, err := today(120)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(one)
	})
	http.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
