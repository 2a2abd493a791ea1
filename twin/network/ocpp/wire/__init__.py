"""One connection of OCPP-J: frames, schemas, error codes, calls and answers, trace, sockets."""
