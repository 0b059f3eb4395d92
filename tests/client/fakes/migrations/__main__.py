import behaviour

behaviour.begin("migrations")
