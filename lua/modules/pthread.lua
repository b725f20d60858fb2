mdb.module{name = "pthread", active = function() return false end}
