module example.org/worker-go

go 1.19
